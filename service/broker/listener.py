"""A thread of a painter worker that listens at the broker for paintings that were submitted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from kombu.entity import Queue
from kombu.mixins import ConsumerMixin

from service.broker.messages import PAINTINGS, make_app

logger = logging.getLogger(__name__)

FORGOTTEN_S = 60.0  # seconds after which the broker forgets a worker that was killed
RETRY_S = 1.0  # seconds before the next try after an error that nobody expected


class Listener(ConsumerMixin):
    """A thread that listens at the broker, and connects again whenever the broker is back.

    Every painter worker gets every message: those that are busy may ignore it, the row decides who paints.

    Attributes:
        is_listening: whether it gets messages now; without the broker a painter worker looks more often by itself.

    Args:
        on_wake: is called for each message, and after each connection.
    """

    def __init__(self, broker_url: str, on_wake: Callable[[], None]) -> None:
        app: Celery = make_app(broker_url)
        self.connection = app.connection_for_read()
        self.is_listening = False
        self._on_wake = on_wake
        self._queue = Queue("", PAINTINGS, exclusive=True, auto_delete=True, durable=False, expires=FORGOTTEN_S)  # type: ignore[no-untyped-call]
        self._thread = threading.Thread(target=self._listen, name="listening", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def get_consumers(self, consumer: Any, channel: Any) -> list[Any]:
        return [consumer([self._queue], callbacks=[self._on_message], no_ack=True)]

    def on_consume_ready(self, *args: Any, **kwargs: Any) -> None:
        self.is_listening = True
        self._on_wake()

    def on_connection_revived(self) -> None:
        self.is_listening = False

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        self.is_listening = False
        logger.warning("no connection to the broker, this worker looks by itself: %s", exc)

    def _listen(self) -> None:
        while not self.should_stop:
            try:
                self.run()  # type: ignore[no-untyped-call]
            except Exception:  # the transports' own, which kombu doesn't know as errors of the connection
                logger.exception("listening at the broker failed; trying again")
                time.sleep(RETRY_S)
            finally:
                self.is_listening = False

    def _on_message(self, body: Any, message: Any) -> None:
        self._on_wake()
