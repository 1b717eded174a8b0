"""Pictures that are made anew for a request: smaller, or in another format than they were made in."""

from __future__ import annotations

from service.api.places import Places
from service.decoding import files
from service.decoding.allowance import Allowance
from service.decoding.unread import Unread
from service.errors import Unavailable

RETRY_S = 10.0
SMALLER = 8  # thumbnails that wait, for each place of a conversion
LEAST = 12  # thumbnails that wait at least: of these a tenant has six, as many as a browser asks for at a time


class Conversions:
    """Such pictures, and the places of requests that wait for theirs; a tenant has its share, as in Places.

    A file is read once it has a place in a lane of decoding: those that wait take no memory.
    """

    def __init__(self, places: int) -> None:
        self._places = Places(places)
        self._of_thumbnails = Places(max(LEAST, SMALLER * places))

    def converted(self, file: Unread, format: str, quality: int, tenant: str, allowance: Allowance) -> bytes:
        """Return a picture's file in another format.

        Raises:
            Unavailable: others took too long, too many wait, or the client is gone.
        """
        with self._places.place(tenant, _too_many):
            return files.transcode(file, format, quality, allowance)

    def thumbnail(self, file: Unread, tenant: str, allowance: Allowance) -> bytes:
        """Return a picture's thumbnail. Raises as `converted`."""
        with self._of_thumbnails.place(tenant, _too_many):
            return files.thumbnail_of(file, allowance)


def _too_many(_: str) -> Unavailable:
    return Unavailable("too many pictures are being brought to other formats and sizes", retry_after=RETRY_S)
