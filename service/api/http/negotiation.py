"""Content negotiation: the format in which a caller gets a picture."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from service.api.http import problems
from service.errors import NotAcceptable
from service.pictures.images import MEDIA_TYPES

BROWSERS = ("text/html", "image/svg+xml")  # a browser accepts these in its address bar, and for an <img>


def preferred(accept: str, made: str) -> str:
    """Return the media type that an `Accept` header prefers; on a tie, `made`, the one that the picture was made in.

    A browser that opens the picture's address, or shows it in a page, has preferences of its own but takes any
    picture: it gets the file as it was made, so that this file is what a user saves. So does a caller who names the
    form of errors alone, as generated clients do.

    Raises:
        NotAcceptable: `Accept` takes none of the formats.
    """
    ranges = parse_accept_header(accept, MIMEAccept)
    accepted = MIMEAccept([(media_type, q) for media_type, q in ranges if _is_of_a_file(media_type)])
    if not accepted or any(media_type in BROWSERS for media_type, _ in accepted):
        return made
    best = max((made, *MEDIA_TYPES.values()), key=accepted.quality)
    if not accepted.quality(best):
        raise NotAcceptable(f"the picture is there as {', '.join(MEDIA_TYPES.values())}; Accept takes none of these")
    return best


def _is_of_a_file(media_type: str) -> bool:
    """Return whether an entry of `Accept` is about files: a media type (not an old client's `*`), not of errors."""
    return "/" in media_type and media_type != problems.MEDIA_TYPE
