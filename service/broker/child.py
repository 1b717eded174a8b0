"""One process of the pool: it carries out jobs when it is woken, and also looks for jobs every second.

A lost message, or a broker that is down, therefore delays a job by one second at most.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.config import Settings
from service.decoding.decoders import DECODERS
from service.worker.process import Worker

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # seconds between two looks without a wake-up


class Child:
    """A worker whose jobs all run in one thread.

    Celery uses the main thread, and torch keeps memory for each thread.
    """

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        self._closed = threading.Event()
        self._worker = Worker(settings, lambda: self._closed.is_set() or stopping())
        self._hands = ThreadPoolExecutor(1, "jobs")
        self._looking = threading.Thread(target=self._look, name="looking", daemon=True)

    def start(self) -> None:
        self._hands.submit(bool).result()  # starts its thread now: later the system may have no room for one
        self._worker.start()
        self._looking.start()

    def wake(self) -> None:
        """Carry out jobs until none is left. Celery counts this process as busy until then."""
        self._hands.submit(self._work_off).result()

    def close(self) -> None:
        """Give a running job back, and leave the registry."""
        self._closed.set()
        self._looking.join()
        self._hands.shutdown()
        self._worker.close()
        self._worker.leave()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_S):
            self.wake()
            if self._worker.has_outgrown:
                self._worker.close()
                self._worker.leave()
                DECODERS.close()
                os._exit(0)  # another process takes its place

    def _work_off(self) -> None:
        try:
            self._worker.work_off()
        except Exception:
            logger.exception("this worker process ends, another takes its place")
            os._exit(1)
