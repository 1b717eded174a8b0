"""Jobs that are watched: one thread of each process reads their rows, and wakes the threads that wait for changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import NotFound, Unavailable
from service.jobs.queue import Queue
from service.machine.bells import ROWS, Bell
from service.machine.new_threads import start
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)

POLL_S = 0.1  # seconds between two looks at what is watched
SELDOM_S = 1.0  # seconds between them where every worker is on this machine and rings
RETRY_S = 1.0  # seconds before the next look after one that failed


class Watched:
    """A job that is watched: its newest row, for all threads that watch it."""

    def __init__(self, row: JobRow, changed: threading.Condition, closed: threading.Event) -> None:
        self.watchers = 0
        self.events = row.events
        self._row: JobRow | None = row
        self._changed = changed
        self._closed = closed

    def newer(self, row: JobRow, timeout: float) -> JobRow:
        """Return the job once it has more events than `row`, or `row` itself after `timeout` seconds or at close.

        Raises NotFound if it was deleted.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed.is_set() or self._has_news_for(row), timeout)
            if self._row is None:
                raise NotFound(f"the job {row.id!r} was deleted")
            return self._row if self._has_news_for(row) else row

    def _has_news_for(self, row: JobRow) -> bool:
        return self._row is None or self.events > row.events

    # Only for Watch, which holds the lock

    def update(self, row: JobRow | None) -> None:
        """Take over a row that was just read; None if the job was deleted."""
        if row is None or row.events > self.events:
            self._row = row
            self.events = row.events if row else self.events
            self._changed.notify_all()

    def wake(self) -> None:
        self._changed.notify_all()


class Watch:
    """The watcher of jobs for the threads of one process: one query for all, and one more for each that changed.

    `one_machine` says that all workers are on this machine.
    """

    def __init__(self, queue: Queue, *, one_machine: bool = False) -> None:
        self._queue = queue
        self._seldom_s = SELDOM_S if one_machine else POLL_S
        self._lock = threading.Lock()
        self._wanted = threading.Condition(self._lock)
        self._closed = threading.Event()
        self._jobs: dict[str, Watched] = {}
        self._bell: Bell | None = None  # of the thread, once that runs

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def rest(self, seconds: float) -> None:
        """Wait so long, or until the server stops."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """End every wait, also those that begin later: the server stops."""
        self._closed.set()
        with self._lock:
            self._wanted.notify()
            for job in self._jobs.values():
                job.wake()
        self._ring()

    def start(self) -> None:
        """Start the thread, unless it runs. Raises Unavailable where the system has no room for it."""
        with self._lock:
            self._start()

    @contextmanager
    def watching(self, row: JobRow) -> Iterator[Watched]:
        """Watch a job, from this state of it on. Raises as `start`."""
        job = self._enter(row)
        try:
            yield job
        finally:
            self._leave(row.id)

    def _enter(self, row: JobRow) -> Watched:
        with self._lock:
            self._start()
            if row.id not in self._jobs:
                self._jobs[row.id] = Watched(row, threading.Condition(self._lock), self._closed)
            job = self._jobs[row.id]
            job.watchers += 1
            self._wanted.notify()
        self._ring()  # the bell may have rung for this job before the job was watched
        return job

    def _leave(self, id: str) -> None:
        with self._lock:
            self._jobs[id].watchers -= 1
            if not self._jobs[id].watchers:
                del self._jobs[id]

    def _start(self) -> None:
        if self._bell is None:
            bell = Bell(ROWS, POLL_S, self._seldom_s)
            try:
                start(threading.Thread(target=self._run, args=(bell,), name="watch", daemon=True))
            except Unavailable:
                bell.close()
                raise
            self._bell = bell

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    def _run(self, bell: Bell) -> None:
        failing = False
        while known := self._watched_events():
            try:
                self._look(known)
                failing = False
            except Exception:
                if not failing:
                    logger.exception("the watched jobs could not be read; trying again")
                failing = True
            if failing:
                self._closed.wait(RETRY_S)
            else:
                bell.wait()
        bell.close()

    def _watched_events(self) -> dict[str, int]:
        """Wait until a job is watched; return each id with the known number of events, or nothing after close."""
        with self._wanted:
            self._wanted.wait_for(lambda: self._jobs or self.closed)
            return {} if self.closed else {id: job.events for id, job in self._jobs.items()}

    def _look(self, known: dict[str, int]) -> None:
        counts = self._queue.event_counts(known)
        for id in (id for id, events in known.items() if counts.get(id) != events):
            row = self._queue.row(id)
            with self._lock:
                if id in self._jobs:
                    self._jobs[id].update(row)
