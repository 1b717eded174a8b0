"""The room for requests with a body in the web server in front of the application."""

from __future__ import annotations

import math
import time

from service.errors import Unavailable

RETRY_S = 5.0  # seconds after which there may be room again


class Fullness:
    """A note of the web server, which reads the bodies, for the application, which answers /readyz.

    Each web process has its own.
    """

    def __init__(self) -> None:
        self._until = -math.inf  # monotonic

    def note(self) -> None:
        """Say that requests with a body find no room now."""
        self._until = time.monotonic() + RETRY_S

    def check(self) -> None:
        """Raise Unavailable if requests with a body have found no room lately."""
        if time.monotonic() < self._until:
            raise Unavailable("the web server has no room for requests with a body", retry_after=RETRY_S)
