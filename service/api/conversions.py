"""Pictures that are made anew for a request: smaller, or in another format than they were made in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.api.places import Places
from service.decoding import files
from service.decoding.files import Allowance
from service.errors import Unavailable

TURN_S = 10.0  # seconds that a caller waits for its turn
LOOK_S = 0.25  # seconds between two looks whether its client is still there
SMALLER = 8  # thumbnails that wait, for each place of a conversion
LEAST = 12  # thumbnails that wait at least: of these a tenant has six, as many as a browser asks for at a time


class Conversions:
    """Such pictures, and the places of requests that wait for theirs; a tenant has its share, as in Places.

    One picture at a time is brought to another format in this process.
    """

    def __init__(self, places: int) -> None:
        self._places = Places(places)
        self._of_thumbnails = Places(max(LEAST, SMALLER * places))
        self._turn = threading.Lock()  # 4096 x 4096 pixels take up to 3 s of a core and 0.6 GB

    def converted(
        self, read: Callable[[], bytes], format: str, quality: int, tenant: str, allowance: Allowance
    ) -> bytes:
        """Return a picture's file in another format. `read` is called at its turn.

        Raises:
            Unavailable: others took longer than TURN_S, too many wait, or the client is gone.
        """
        with self._places.place(tenant, _too_many), self._in_turn(tenant, allowance.tick):
            return files.transcode(read(), format, quality, allowance)

    def thumbnail(self, read: Callable[[], bytes], tenant: str, allowance: Allowance) -> bytes:
        """Return a picture's thumbnail. Raises Unavailable where too many wait, or the client is gone."""
        with self._of_thumbnails.place(tenant, _too_many):
            return files.thumbnail(read(), allowance)

    @contextmanager
    def _in_turn(self, tenant: str, tick: Callable[[], None]) -> Iterator[None]:
        end = time.monotonic() + TURN_S
        while not self._turn.acquire(timeout=LOOK_S):
            tick()
            if time.monotonic() > end:
                raise _too_many(tenant)
        try:
            yield
        finally:
            self._turn.release()


def _too_many(_: str) -> Unavailable:
    return Unavailable("too many pictures are being brought to other formats and sizes", retry_after=TURN_S)
