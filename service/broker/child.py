"""One process of the pool: it carries out jobs when it is woken, and looks for some every second by itself.

That makes lost messages, and a broker that is down, a matter of a second.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.config import Settings
from service.worker.process import Worker

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # seconds between two looks without being woken


class Child:
    """Carries out all jobs in one thread: Celery has the main one, and torch keeps memory and threads for each."""

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        self._closed = threading.Event()
        self._worker = Worker(settings, lambda: self._closed.is_set() or stopping())
        self._hands = ThreadPoolExecutor(1, "jobs")
        self._looking = threading.Thread(target=self._look, name="looking")

    def start(self) -> None:
        self._worker.start()
        self._looking.start()

    def wake(self) -> None:
        """Returns when there is nothing left to do: until then Celery takes this process for busy, which it is."""
        self._hands.submit(self._work_off).result()

    def close(self) -> None:
        """Gives a job under way back and signs off."""
        self._closed.set()
        self._looking.join()
        self._hands.shutdown()
        self._worker.close()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_S):
            self.wake()

    def _work_off(self) -> None:
        try:
            self._worker.work_off()
        except Exception:
            logger.exception("this worker process ends, another takes its place")
            os._exit(1)
