"""Pictures in other formats than they were made in: one at a time in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.api.places import Places
from service.decoding import files
from service.decoding.files import Allowance
from service.errors import Unavailable

TURN_S = 10.0  # seconds that a caller waits for its turn


class Conversions:
    """Such pictures, and the places of requests that wait for theirs; a tenant has its share, as in Places."""

    def __init__(self, places: int) -> None:
        self._places = Places(places)
        self._turn = threading.Lock()  # 4096 x 4096 pixels take up to 3 s of a core and 0.6 GB

    def converted(
        self, read: Callable[[], bytes], format: str, quality: int, tenant: str, allowance: Allowance
    ) -> bytes:
        """Return a picture's file in another format. `read` is called at its turn.

        Raises:
            Unavailable: others took longer than TURN_S, or too many wait.
        """
        if not self._places.take(tenant):
            raise _too_many()
        try:
            return self._in_turn(lambda: files.transcode(read(), format, quality, allowance))
        finally:
            self._places.free(tenant)

    def _in_turn(self, convert: Callable[[], bytes]) -> bytes:
        if not self._turn.acquire(timeout=TURN_S):
            raise _too_many()
        try:
            return convert()
        finally:
            self._turn.release()


def _too_many() -> Unavailable:
    return Unavailable("too many pictures are being brought to other formats", retry_after=TURN_S)
