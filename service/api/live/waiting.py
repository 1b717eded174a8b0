"""Requests that wait for the end of their job (`Prefer: wait=N`)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from werkzeug.http import parse_dict_header

from service.api.live.streams import CHECK_S
from service.api.live.watch import Watch
from service.api.places import Places
from service.errors import NotFound, Unavailable
from service.storage.records import ENDED
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)

MAX_WAIT_S = 60.0


def preferred_wait(header: str) -> float | None:
    """Return for how many seconds a `Prefer` header asks to wait (RFC 7240, 4.3), at most MAX_WAIT_S; or None."""
    wait = parse_dict_header(header.lower().replace(";", ",")).get("wait")
    return min(float(wait), MAX_WAIT_S) if wait and wait.isascii() and wait.isdigit() else None


class Waits:
    """A limit on waiting requests: one for each place in this process at a time; others are answered at once."""

    def __init__(self, watch: Watch, places: Places) -> None:
        self._watch = watch
        self._places = places

    def until_ended(
        self, job: JobRow, seconds: float, tenant: str, may_go_on: Callable[[], bool] = lambda: True
    ) -> tuple[JobRow, bool]:
        """Return the job when it has ended or the time is up, and whether it was waited for.

        It isn't where there is no place for its tenant, or no thread to look at jobs.
        The wait also ends once `may_go_on` returns False, which is asked every CHECK_S.
        """
        if not self._places.take(tenant):
            return job, False
        end = time.monotonic() + seconds
        try:
            with self._watch.watching(job) as watched:
                while job.status not in ENDED and not self._watch.closed and (left := end - time.monotonic()) > 0:
                    job = watched.newer(job, min(left, CHECK_S))
                    if not may_go_on():
                        break
        except NotFound:
            logger.info("job %s: deleted while its caller waited", job.id)  # the caller gets the last row
        except Unavailable as error:  # the job is submitted, so its caller must learn its id
            logger.warning("job %s: its caller can't wait for it: %s", job.id, error.detail)
            return job, False
        finally:
            self._places.free(tenant)
        return job, True
