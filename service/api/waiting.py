"""`Prefer: wait=N`: a request that stays until its job ends, without starving the others."""

from __future__ import annotations

import logging
import threading
import time

from werkzeug.http import parse_dict_header

from service.errors import ServiceError
from service.jobs.queue import ENDED, Queue
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)

MAX_WAIT_S = 60.0
POLL_S = 0.1


def preferred_wait(header: str) -> float | None:
    """The seconds, MAX_WAIT_S at most, that a `Prefer` header asks to wait (RFC 7240, 4.3); None if it doesn't."""
    wait = parse_dict_header(header.replace(";", ",")).get("wait")
    return min(float(wait), MAX_WAIT_S) if wait and wait.isascii() and wait.isdigit() else None


class Waiting:
    """Lets at most `places` requests of this process wait at a time; the others are answered at once."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._closed = threading.Event()

    def close(self) -> None:
        """Ends every wait at once: the server stops."""
        self._closed.set()

    def until_ended(self, queue: Queue, job: JobRow, seconds: float) -> tuple[JobRow, bool]:
        """The job as it is when it ended or the time is up, and whether there was a place to wait in."""
        if not self._places.acquire(blocking=False):
            return job, False
        try:
            end = time.monotonic() + seconds
            while job.status not in ENDED and time.monotonic() < end and not self._closed.wait(POLL_S):
                job = queue.get(job.id)
        except ServiceError:  # deleted meanwhile, or the database failed: the caller still learns of its job
            logger.exception("job %s: could not wait for it", job.id)
        finally:
            self._places.release()
        return job, True
