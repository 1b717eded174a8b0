"""The webhook dispatcher: threads beside a worker's jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter

from service.config import Settings
from service.jobs.deliveries import Deliveries, Delivery
from service.outbound.hosts import WEBHOOKS, Hosts
from service.storage.database import Database
from service.telemetry.instruments import webhook_attempts
from service.telemetry.logs import bound
from service.telemetry.tracing import Trace, continued
from service.webhooks.secret import signing_secrets
from service.webhooks.sender import NotDelivered, Sender, Undeliverable

logger = logging.getLogger(__name__)

POLL_S = 1.0  # seconds between two looks when nothing is due, or after something failed here
STOP_S = 2.0  # seconds that running deliveries may still take when the dispatcher is stopped
AT_ONCE = 8  # deliveries of a process at a time
HOST_AT_ONCE = 2  # of these, deliveries to one host, so that a receiver that hangs leaves room for the others


class WebhookDispatcher:
    """A thread that claims due webhooks, and delivers each in a thread of its own, AT_ONCE at a time.

    Raises:
        InvalidInput: a setting of webhooks can't be used.
        DatabaseError
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._deliveries = Deliveries(database)
        self._sender = Sender(Hosts(WEBHOOKS, settings.webhook_hosts), signing_secrets(settings, database))
        self._stopping = False
        self._look = threading.Event()  # set when a delivery has ended, and to stop
        self._under_way: dict[threading.Thread, str] = {}  # each delivery's thread, and its host
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop within about two seconds. A webhook that isn't answered by then will be sent again."""
        end = time.monotonic() + STOP_S
        self._stopping = True
        self._look.set()
        self._thread.join(STOP_S)
        for sending in list(self._under_way):
            sending.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while not self._stopping:
            if not self._begin_next():
                self._look.wait(POLL_S)
                self._look.clear()

    def _begin_next(self) -> bool:
        """Begin the next delivery; return whether another one may be due."""
        hosts = Counter(self._under_way.copy().values())
        if hosts.total() >= AT_ONCE:
            return False
        try:
            delivery = self._deliveries.claim([host for host, count in hosts.items() if count >= HOST_AT_ONCE])
            if delivery is None:
                return False
            self._begin(delivery)
            return True
        except Exception:  # whatever has failed, deliveries must go on after it
            logger.exception("webhooks can't be delivered now; trying again")
            return False

    def _begin(self, delivery: Delivery) -> None:
        sending = threading.Thread(target=self._deliver, args=(delivery,), name="webhook", daemon=True)
        self._under_way[sending] = delivery.host
        try:
            sending.start()
        except RuntimeError:  # the system has no room for another thread
            del self._under_way[sending]
            raise

    def _deliver(self, delivery: Delivery) -> None:
        try:
            self._send_and_note(delivery)
        except Exception:  # the webhook comes back when its lease has run out
            logger.exception("what became of webhook %s of job %s can't be written", delivery.id, delivery.job_id)
        finally:
            del self._under_way[threading.current_thread()]
            self._look.set()

    def _send_and_note(self, delivery: Delivery) -> None:
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
