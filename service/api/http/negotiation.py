"""In which format a caller gets a picture."""

from __future__ import annotations

import threading
from collections.abc import Callable

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from service.decoding import files
from service.errors import NotAcceptable, Unavailable
from service.pictures.images import MEDIA_TYPES

BROWSERS = ("text/html", "image/svg+xml")  # what a browser asks for in its address bar, and for an <img>
TURN_S = 10.0  # for which a caller waits until it is its turn

_turn = threading.BoundedSemaphore(1)  # 4096 x 4096 pixels take up to 3 s of a core and 0.6 GB


def preferred(accept: str, made: str) -> str:
    """The media type that a header `Accept` likes best; the one that the picture was made in, where that is as good.

    A browser that opens the picture's address, or shows it in a page, has tastes of its own but takes any picture: it
    gets the file as it was made, which is what is saved from there.

    Raises:
        NotAcceptable: none of them will do.
    """
    ranges = [(media_type, q) for media_type, q in parse_accept_header(accept, MIMEAccept) if "/" in media_type]
    asked = MIMEAccept(ranges)  # what is no media type, as the `*` of some old clients, is not heard
    if not asked or any(media_type in BROWSERS for media_type, _ in asked):
        return made
    best = max((made, *MEDIA_TYPES.values()), key=asked.quality)
    if not asked.quality(best):
        raise NotAcceptable(f"the picture is there as {', '.join(MEDIA_TYPES.values())}; Accept takes none of these")
    return best


def transcoded(read: Callable[[], bytes], format: str, quality: int) -> bytes:
    """A picture's file, read when its turn has come, in another format; one at a time.

    Raises:
        Unavailable: too many others were before it.
    """
    if not _turn.acquire(timeout=TURN_S):
        raise Unavailable("too many pictures are being brought to other formats", retry_after=TURN_S)
    try:
        return files.transcode(read(), format, quality)
    finally:
        _turn.release()
