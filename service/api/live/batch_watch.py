"""Batches that are watched: each is looked at once a second for all streams of the process that show it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import DatabaseError
from service.jobs.batch_resource import BatchSnapshot
from service.telemetry.complaints import Complaint

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # seconds between two looks at a batch


class WatchedBatch:
    """A batch that is watched: the newest look at it, for all threads that watch it."""

    def __init__(self, complaint: Complaint) -> None:
        self.watchers = 0  # only for BatchWatch, under its lock
        self._complaint = complaint
        self._lock = threading.Lock()
        self._look: BatchSnapshot | None = None
        self._looked = -math.inf  # monotonic time

    def newest(self, look: Callable[[], BatchSnapshot]) -> BatchSnapshot | None:
        """Return the newest look, by `look` if that is LOOK_S old; while the database fails, the one before, if any.

        Raises NotFound if the batch was deleted.
        """
        with self._lock:
            if time.monotonic() >= self._looked + LOOK_S:
                try:
                    self._look = look()
                except DatabaseError as error:
                    self._complaint.say("watched batches can't be read; trying again: %s", error.detail)
                self._looked = time.monotonic()
            return self._look


class BatchWatch:
    """The batches that are watched in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[str, WatchedBatch] = {}
        self._complaint = Complaint(logger)

    @contextmanager
    def watching(self, id: str) -> Iterator[WatchedBatch]:
        """Watch a batch."""
        with self._lock:
            batch = self._batches.setdefault(id, WatchedBatch(self._complaint))
            batch.watchers += 1
        try:
            yield batch
        finally:
            with self._lock:
                batch.watchers -= 1
                if not batch.watchers:
                    del self._batches[id]
