"""Headers that callers have the service send to other hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.api.schemas.invalid import invalid

MAX_HEADERS = 20
MAX_BYTES = 4096  # of all names and values together
OWN = ("connection", "content-length", "cookie", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding")
"""Headers that the connection has itself, and cookies."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise PydanticCustomError if headers can't be sent. The message shows no value, which may be a password."""
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_BYTES:
        raise invalid(f"the headers must have at most {MAX_BYTES:,} characters together")
    names = [name.lower() for name in headers]
    for name, value in headers.items():
        lower = name.lower()
        if not HEADER_NAME.fullmatch(name):
            raise invalid("a name is no name of a header")
        if lower in OWN or lower.startswith(("proxy-", "upgrade")):
            raise invalid(f"{name} is not for callers to set")
        if names.count(lower) > 1:
            raise invalid(f"{name} is there twice")
        if not _VALUE.fullmatch(value):
            raise invalid(f"the value of {name} must be printable ASCII, without blanks at its ends")
