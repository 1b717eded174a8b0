"""Wake-ups on their way to the broker, by a thread of its own: no request waits for a broker that is down."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress

from service.broker.messages import WAKE, WAKE_EXPIRES_S, make_app

logger = logging.getLogger(__name__)

WAITING = 100  # wake-ups that may wait for the thread; more would wake nobody who isn't awake by then
ONCE_MORE = {"max_retries": 1, "interval_start": 0}  # a connection may have ended since it was used last
BACK_OFF_S = 5.0  # seconds without another try after one that failed


class Publisher:
    """Sends wake-ups one after another. What can't be sent is dropped: the workers look by themselves too."""

    def __init__(self, broker_url: str) -> None:
        self._app = make_app(broker_url)
        self._waiting: queue.Queue[None] = queue.Queue(WAITING)
        threading.Thread(target=self._run, name="wake-ups", daemon=True).start()

    def publish(self) -> None:
        """Has a worker woken soon, if the broker can be reached."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)

    def _run(self) -> None:
        while True:
            self._waiting.get()
            try:
                self._app.send_task(WAKE, expires=WAKE_EXPIRES_S, retry_policy=ONCE_MORE)
            except Exception as error:  # noqa: BLE001 - each transport raises its own; the job is safe in any case
                logger.warning("no wake-up for the workers, they will look by themselves: %s", error)
                self._back_off()

    def _back_off(self) -> None:
        time.sleep(BACK_OFF_S)
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
