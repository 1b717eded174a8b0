"""The end of a job while the database is away: it is written again and again, so that no result is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from service.errors import DatabaseError
from service.telemetry.complaints import Complaint

logger = logging.getLogger(__name__)

AGAIN_S = 1.0  # seconds before the next try


def write_end(write: Callable[[bool], None], id: str, seconds: float) -> None:
    """Call what writes the end of a job; while the database fails, again each second, for so many seconds.

    `write` is told whether the job may have ended by an earlier call, whose commit failed. Raises DatabaseError if
    the last call did.
    """
    until, may_have_ended = time.monotonic() + seconds, False
    complaint = Complaint(logger)
    while True:
        try:
            write(may_have_ended)
            return
        except DatabaseError as error:
            if time.monotonic() >= until:
                raise
            may_have_ended = may_have_ended or not error.undone
            complaint.say("job %s: its end could not be written: %s; trying again", id, error.detail)
        time.sleep(AGAIN_S)
