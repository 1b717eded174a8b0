"""The dispatcher of webhooks and finished pictures: threads beside a worker's jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable

from service.config import Settings
from service.errors import StorageError, Unavailable
from service.jobs.deliveries import Deliveries, Delivery
from service.machine.beside import BESIDE
from service.machine.new_threads import start
from service.outbound.hosts import DELIVERIES, WEBHOOKS, Hosts
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.readback import read_back
from service.telemetry.instruments import delivery_attempts, webhook_attempts
from service.telemetry.logs import bound
from service.telemetry.tracing import Trace, continued
from service.webhooks.exchange import NotDelivered, Undeliverable
from service.webhooks.secret import signing_secrets
from service.webhooks.sender import Sender
from service.webhooks.uploader import Uploader

logger = logging.getLogger(__name__)

for _outcome in ("delivered", "failed", "given_up"):
    delivery_attempts.labels(_outcome)  # from the first scrape on

POLL_S = 1.0  # seconds between two looks when nothing is due, or after something failed here
STOP_S = 2.0  # seconds that running deliveries may still take when the dispatcher is stopped
WEBHOOKS_AT_ONCE = 16  # webhooks of a process at a time
PICTURES_AT_ONCE = 8  # pictures of a process at a time, beside the webhooks: each may take two minutes
FAILED_HERE = "it can't be sent: internal error"  # what callers are told
HOST_AT_ONCE = 2  # of either, those to one host and port, so that a receiver that hangs leaves room for the others


class WebhookDispatcher:
    """A thread that claims what is due, and delivers each in a thread of its own.

    Webhooks have WEBHOOKS_AT_ONCE places, pictures PICTURES_AT_ONCE. A tenant gets another place only while more are
    free than it has: alone it gets half of them, and one that has none gets the last.

    Raises:
        InvalidInput: a setting of webhooks can't be used.
        DatabaseError
    """

    def __init__(self, settings: Settings, database: Database, blobs: Blobs) -> None:
        self._deliveries = Deliveries(database)
        self._blobs = blobs
        self._uploader = Uploader(Hosts(DELIVERIES, settings.delivery_hosts))
        self._sender = Sender(Hosts(WEBHOOKS, settings.webhook_hosts), signing_secrets(settings, database))
        self._stopping = False
        self._look = threading.Event()  # set when a delivery has ended, and to stop
        self._under_way: dict[threading.Thread, Delivery] = {}
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
        with BESIDE.counted():
            while not self._stopping:
                if not self._begin_next():
                    self._look.wait(POLL_S)
                    self._look.clear()

    def _begin_next(self) -> bool:
        """Begin the next webhook and the next picture; return whether another one may be due."""
        try:
            begun = [self._begin_one(pictures=pictures) for pictures in (False, True)]
            return any(begun)
        except Exception:  # whatever has failed, deliveries must go on after it
            logger.exception("webhooks can't be delivered now; trying again")
            return False

    def _begin_one(self, *, pictures: bool) -> bool:
        """Begin the next webhook, or the next picture; return whether there was one, and a place for it."""
        places = PICTURES_AT_ONCE if pictures else WEBHOOKS_AT_ONCE
        under_way = [one for one in self._under_way.copy().values() if one.is_picture == pictures]
        free = places - len(under_way)
        if free <= 0:
            return False
        hosts = _at_least(HOST_AT_ONCE, (one.host for one in under_way))
        tenants = _at_least(free, (one.tenant for one in under_way))
        delivery = self._deliveries.claim(hosts, tenants, pictures=pictures)
        if delivery is None:
            return False
        self._begin(delivery)
        return True

    def _begin(self, delivery: Delivery) -> None:
        sending = threading.Thread(target=self._deliver, args=(delivery,), name="webhook", daemon=True)
        self._under_way[sending] = delivery
        try:
            start(sending)
        except Unavailable:
            del self._under_way[sending]
            self._deliveries.give_back(delivery.id, delivery.attempts)
            raise

    def _deliver(self, delivery: Delivery) -> None:
        try:
            with BESIDE.counted():
                self._send_and_note(delivery)
        except Exception:  # it comes back when its lease has run out
            logger.exception("what became of %s %s of job %s can't be written", *_names(delivery))
        finally:
            del self._under_way[threading.current_thread()]
            self._look.set()

    def _send_and_note(self, delivery: Delivery) -> None:
        trace = continued(delivery.trace)
        with bound(job_id=delivery.job_id, trace_id=trace.trace_id, span_id=trace.span_id):
            outcome = self._sent(delivery, trace)
        attempts = delivery_attempts if delivery.is_picture else webhook_attempts
        attempts.labels(outcome).inc()

    def _sent(self, delivery: Delivery, trace: Trace) -> str:
        """Send a webhook or a picture; return the outcome: "delivered", "failed" or "given_up"."""
        try:
            self._send(delivery, trace)
        except Undeliverable as error:
            logger.warning("%s %s of job %s is given up: %s", *_names(delivery), error)
            self._deliveries.given_up(delivery.id, delivery.attempts, str(error))
            return "given_up"
        except NotDelivered as error:
            logger.info("%s %s of job %s: %s", *_names(delivery), error)
            self._deliveries.failed(delivery.id, delivery.attempts, str(error))
        except Exception:  # one broken message must not block the others
            logger.exception("%s %s of job %s can't be sent", *_names(delivery))
            self._deliveries.failed(delivery.id, delivery.attempts, FAILED_HERE)
        else:
            self._deliveries.delivered(delivery.id)
            return "delivered"
        return "failed"

    def _send(self, delivery: Delivery, trace: Trace) -> None:
        """Send a message once. Raises NotDelivered or Undeliverable."""
        if not delivery.is_picture:
            made_at = delivery.tenant_made_at
            tenant = None if made_at is None else (delivery.tenant, made_at)
            self._sender.send(delivery.url, delivery.id, delivery.payload, trace, tenant)
            return
        picture = delivery.picture
        if picture is None:
            raise Undeliverable("there is no such picture any more")
        try:
            data = read_back(self._blobs, picture.blob, picture.sha256)
        except StorageError as error:
            raise NotDelivered("its file can't be read now") from error
        self._uploader.put(delivery.url, data, picture.media_type, delivery.headers)


def _at_least(times: int, words: Iterable[str]) -> list[str]:
    """Return the words that occur at least so many times."""
    return [word for word, count in Counter(words).items() if count >= times]


def _names(delivery: Delivery) -> tuple[str, str, str]:
    return delivery.what, delivery.id, delivery.job_id
