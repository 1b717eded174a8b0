"""The webhook dispatcher: a thread beside a worker's jobs."""

from __future__ import annotations

import logging
import threading

from service.config import Settings
from service.jobs.deliveries import Deliveries, Delivery
from service.storage.database import Database
from service.telemetry.instruments import webhook_attempts
from service.telemetry.logs import bound
from service.telemetry.tracing import Trace, continued
from service.webhooks.hosts import Hosts
from service.webhooks.secret import signing_secret
from service.webhooks.sender import NotDelivered, Sender, Undeliverable

logger = logging.getLogger(__name__)

POLL_S = 1.0  # seconds between two looks when nothing is due, or after something failed here
STOP_S = 2.0  # seconds that a running delivery may still take when the dispatcher is stopped


class WebhookDispatcher:
    """A thread that delivers due webhooks, one at a time.

    Raises:
        InvalidInput: a setting of webhooks can't be used.
        DatabaseError
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._deliveries = Deliveries(database)
        self._sender = Sender(Hosts(settings.webhook_hosts), signing_secret(settings, database))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop within about two seconds. A webhook that isn't answered by then will be sent again."""
        self._stopping.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._deliver_next():
                self._stopping.wait(POLL_S)

    def _deliver_next(self) -> bool:
        """Deliver the next webhook; return whether another one may be due."""
        try:
            delivery = self._deliveries.claim()
            if delivery is None:
                return False
            self._deliver(delivery)
            return True
        except Exception:  # whatever has failed, deliveries must go on after it
            logger.exception("webhooks can't be delivered now; trying again")
            return False

    def _deliver(self, delivery: Delivery) -> None:
        trace = continued(delivery.trace)
        with bound(job_id=delivery.job_id, trace_id=trace.trace_id, span_id=trace.span_id):
            outcome = self._sent(delivery, trace)
        webhook_attempts.labels(outcome).inc()

    def _sent(self, delivery: Delivery, trace: Trace) -> str:
        """Send a webhook; return the outcome: "delivered", "failed" or "given_up"."""
        try:
            self._sender.send(delivery.url, delivery.id, delivery.payload, trace)
        except Undeliverable as error:
            logger.warning("webhook %s of job %s is given up: %s", delivery.id, delivery.job_id, error)
            self._deliveries.given_up(delivery.id, str(error))
            return "given_up"
        except NotDelivered as error:
            logger.info("webhook %s of job %s: %s", delivery.id, delivery.job_id, error)
            self._deliveries.failed(delivery.id, delivery.attempts, str(error))
        except Exception:  # one broken webhook must not block the others
            logger.exception("webhook %s of job %s can't be sent", delivery.id, delivery.job_id)
            self._deliveries.failed(delivery.id, delivery.attempts, "it can't be sent: internal error")
        else:
            self._deliveries.delivered(delivery.id)
            return "delivered"
        return "failed"
