"""`Prefer: wait=N`: a request that stays until its job ends, without starving the others."""

from __future__ import annotations

import re
import threading
import time

from service.jobs.queue import ENDED, Queue
from service.storage.schema import JobRow

MAX_WAIT_S = 60.0
POLL_S = 0.1

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


def preferred_wait(headers: list[str]) -> float | None:
    """The seconds that `Prefer` headers ask to wait (RFC 7240, section 4.3), at most MAX_WAIT_S; None if none do."""
    found = next((match for header in headers if (match := _WAIT.search(header))), None)
    return min(float(found.group(1)), MAX_WAIT_S) if found else None


class Waiting:
    """Lets at most `places` requests of this process wait at a time; the others are answered at once."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    def until_ended(self, queue: Queue, job: JobRow, seconds: float) -> tuple[JobRow, bool]:
        """The job as it is when it ended or the time is up, and whether there was a place to wait in."""
        if not self._places.acquire(blocking=False):
            return job, False
        try:
            end = time.monotonic() + seconds
            while job.status not in ENDED and time.monotonic() < end:
                time.sleep(POLL_S)
                job = queue.get(job.id)
            return job, True
        finally:
            self._places.release()
