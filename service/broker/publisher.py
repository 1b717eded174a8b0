"""The publisher of wake-ups, in its own thread: no request waits for a broker that is down."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress

from service.broker.messages import PAINTINGS, WAKE, WAKE_EXPIRES_S, make_app
from service.errors import Unavailable
from service.machine.new_threads import start
from service.storage.lanes import PAINT, Lane

logger = logging.getLogger(__name__)

WAITING = 100  # wake-ups that may wait for the thread; more would have no effect
ONCE_MORE = {"max_retries": 1, "interval_start": 0}  # an idle connection may have ended
BACK_OFF_S = 5.0  # seconds without another try after one that failed


class Publisher:
    """A thread that sends wake-ups one by one. What can't be sent is dropped: workers also look by themselves."""

    def __init__(self, broker_url: str) -> None:
        self._app = make_app(broker_url)
        self._waiting: queue.Queue[Lane] = queue.Queue(WAITING)
        try:
            start(threading.Thread(target=self._run, name="wake-ups", daemon=True))
        except Unavailable as error:
            logger.warning("no wake-ups for the workers, they will look by themselves: %s", error.detail)

    def publish(self, lane: Lane) -> None:
        """Wake who can claim a job of this lane soon, if the broker can be reached."""
        with suppress(queue.Full):
            self._waiting.put_nowait(lane)

    def _run(self) -> None:
        while True:
            lane = self._waiting.get()
            try:
                if lane == PAINT:
                    self._tell_painters()
                self._app.send_task(WAKE, expires=WAKE_EXPIRES_S, retry_policy=ONCE_MORE)
            except Exception as error:  # noqa: BLE001 - each transport raises its own; the job is safe in any case
                logger.warning("no wake-up for the workers, they will look by themselves: %s", error)
                self._back_off()

    def _tell_painters(self) -> None:
        with self._app.producer_pool.acquire(block=True) as producer:
            producer.publish({}, exchange=PAINTINGS, declare=[PAINTINGS], retry=True, retry_policy=ONCE_MORE)

    def _back_off(self) -> None:
        time.sleep(BACK_OFF_S)
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
