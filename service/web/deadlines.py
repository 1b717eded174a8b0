"""Deadlines of clients and requests."""

from __future__ import annotations

import time
from dataclasses import dataclass

SLOWEST = 4096  # bytes a second that a client must send of a body, and read of a response


@dataclass(frozen=True)
class Deadlines:
    """Time limits of clients and requests, in seconds.

    Attributes:
        head_s: for a request's head, from the connection or, on one that was kept, from the first byte.
        pause_s: for which a body may stand still, or be behind SLOWEST.
        patience_s: that a request waits for memory, or for other requests with a body to end.
        closing_s: that a client has to read its last response before the connection is cut.
        stop_idle_s: for which a worker that stops still takes requests on its connections.
        stop_body_s: for which it still reads bodies.
    """

    head_s: float = 10.0
    pause_s: float = 10.0
    patience_s: float = 20.0
    closing_s: float = 5.0
    stop_idle_s: float = 2.0
    stop_body_s: float = 10.0


def credited(deadline: float, moved: int, allowance: float) -> float:
    """Return the new deadline of a client that moved so many bytes.

    SLOWEST bytes win it a second, up to an allowance from now.

    So it may pause for as long as the allowance, and must be faster than SLOWEST otherwise.
    """
    return min(deadline + moved / SLOWEST, time.monotonic() + allowance)
