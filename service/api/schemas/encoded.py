"""Bytes in a text: base64 in both of its alphabets, and data: URLs."""

from __future__ import annotations

import binascii
import re
import string

from service.api.schemas.invalid import invalid

DATA_URL = re.compile(r"\s*data:", re.ASCII | re.IGNORECASE)
MARKED_BASE64 = re.compile(r";\s*base64\s*$", re.ASCII | re.IGNORECASE)
SPACE = string.whitespace.encode()
OF_URLS = bytes.maketrans(b"-_", b"+/")  # the alphabet of base64url in that of base64
LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
NOT_BASE64 = (
    "not base64: send that of the file's bytes, a data: URL, or file:<part name> with the file as a part of a form"
)


def bytes_of(text: str) -> bytes:
    """Return the bytes that base64 or a data: URL stands for.

    Raises:
        PydanticCustomError: it is neither.
    """
    if begin := DATA_URL.match(text):
        return _of_data_url(text[begin.end() :])
    return _of_base64(_ascii(text))


def _of_data_url(text: str) -> bytes:
    """Return the bytes of a data: URL, which follow its comma: base64 if it is marked so, else percent-encoded."""
    header, comma, value = text.partition(",")
    if not comma:
        raise invalid("a data: URL has a comma before its data, as in data:image/png;base64,…")
    data = _without_percents(_ascii(value.partition("#")[0]))
    return _of_base64(data) if MARKED_BASE64.search(header) else data


def _ascii(text: str) -> bytes:
    """Return the characters without white space, which neither form has a meaning for."""
    try:
        return text.encode("ascii").translate(None, SPACE)
    except UnicodeEncodeError:
        raise invalid(NOT_BASE64) from None


def _without_percents(data: bytes) -> bytes:
    """Return data with a byte in place of each %XX.

    Quoted-printable differs from this only in its mark, and is decoded in C and in little memory.
    """
    if b"%" not in data:
        return data
    if LONE_PERCENT.search(data):
        raise invalid("a data: URL has two hexadecimal digits after each %")
    return binascii.a2b_qp(data.replace(b"=", b"%3D").replace(b"%", b"="))


def _of_base64(data: bytes) -> bytes:
    """Decode base64 or base64url, with or without the = at its end."""
    digits = data.translate(OF_URLS).rstrip(b"=")
    if len(digits) % 4 == 1:
        raise invalid(f"{NOT_BASE64} (it is cut off: {len(digits):,} digits are never a number of whole bytes)")
    try:
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error as error:
        raise invalid(f"{NOT_BASE64} ({error})") from None
