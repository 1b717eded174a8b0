"""Deadlines of clients and requests."""

from __future__ import annotations

import time
from dataclasses import dataclass

SLOWEST = 4096  # bytes a second that a client must send of a body, and read of a response


@dataclass(frozen=True)
class Deadlines:
    """Time limits of clients and requests, in seconds.

    Attributes:
        head_s: a request's head must arrive in this time, which a kept connection counts from the first byte.
        pause_s: a body may stand still, or be behind SLOWEST, for this time.
        body_s: a body must arrive in this time, however fast it is.
        patience_s: a request waits so long for memory, or for other requests with a body to end.
        closing_s: a client that has its last response may send nothing for this time, then the connection is closed.
        linger_s: such a client may go on sending for this time; what it sends is thrown away.
        stop_idle_s: a worker that stops still takes requests on its connections for this time.
        stop_body_s: a worker that stops still reads bodies for this time.
    """

    head_s: float = 10.0
    pause_s: float = 10.0
    body_s: float = 600.0
    patience_s: float = 20.0
    closing_s: float = 5.0
    linger_s: float = 30.0
    stop_idle_s: float = 2.0
    stop_body_s: float = 10.0


def credited(deadline: float, moved: int, allowance: float) -> float:
    """Return the new deadline (monotonic) of a client that has sent or read `moved` bytes.

    SLOWEST bytes extend it by a second, to `allowance` seconds from now at most. So a client may pause for that long,
    and must be faster than SLOWEST otherwise.
    """
    return min(deadline + moved / SLOWEST, time.monotonic() + allowance)
