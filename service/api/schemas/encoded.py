"""Bytes in a text: base64 in both of its alphabets, and data: URLs.

A text is decoded piece by piece, so that this takes hardly more memory than the bytes that it stands for.
"""

from __future__ import annotations

import binascii
import io
import re
import string
from collections.abc import Iterable, Iterator

from service.api.schemas.invalid import invalid

PIECE = 2**18  # characters
DATA_URL = re.compile(r"\s*data:", re.ASCII | re.IGNORECASE)
MARKED_BASE64 = re.compile(r";\s*base64\s*$", re.ASCII | re.IGNORECASE)
SPACE = string.whitespace.encode()
OF_URLS = bytes.maketrans(b"-_", b"+/")  # the alphabet of base64url in that of base64
PERCENT = len("%41")
LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
FILE_NAME = re.compile(r"[^\0\n]{0,200}\.(?:png|jpe?g|webp|gif|bmp|avif|heic|heif|tiff?|svg)\s*", re.IGNORECASE)
DIGITS = 4  # of base64, which stand for three bytes
LOST_PLUS = re.compile(r"\s*+(?:[A-Za-z0-9/]{4}\s*+)*+[A-Za-z0-9/]{1,3} [A-Za-z0-9/]")
"""Base64 up to a blank within four digits, where no program breaks it: a form's decoder makes blanks of each +."""
NOT_BASE64 = (
    "not base64: send that of the file's bytes, a data: URL, or file:<part name> with the file as a part of a form"
)


def bytes_of(text: str) -> bytes:
    """Return the bytes that base64 or a data: URL stands for.

    Raises:
        PydanticCustomError: it is neither.
    """
    if begin := DATA_URL.match(text):
        return _joined(_of_data_url(text, begin.end()))
    if FILE_NAME.fullmatch(text):  # base64 has no dot
        raise invalid(f"is the name of a file, which is {NOT_BASE64}")
    _check_plus(text, 0)
    return _joined(_of_base64(_ascii(text, 0, len(text))))


def _joined(pieces: Iterable[bytes]) -> bytes:
    file = io.BytesIO()  # unlike a join, it holds the bytes once
    file.writelines(pieces)
    return file.getvalue()


def _of_data_url(text: str, start: int) -> Iterator[bytes]:
    """Decode what follows the comma of a data: URL: base64 if it is marked so, else percent-encoded."""
    comma = text.find(",", start)
    if comma < 0:
        raise invalid("a data: URL has a comma before its data, as in data:image/png;base64,…")
    fragment = text.find("#", comma)
    data = _without_percents(_ascii(text, comma + 1, fragment if fragment >= 0 else len(text)))
    if not MARKED_BASE64.search(text[start:comma]):
        return data
    _check_plus(text, comma + 1)
    return _of_base64(data)


def _check_plus(text: str, start: int) -> None:
    """Refuse base64 with blanks in place of each +: without them it would be other bytes, and fewer."""
    if any(text.find(character, start) >= 0 for character in "+-_"):
        return
    if LOST_PLUS.match(text, start):
        raise invalid(f"{NOT_BASE64} (it has blanks where + was: in a form, + is written as %2B)")


def _ascii(text: str, start: int, end: int) -> Iterator[bytes]:
    """Yield a part of a text without white space, which neither form has a meaning for."""
    for place in range(start, end, PIECE):
        try:
            yield text[place : min(place + PIECE, end)].encode("ascii").translate(None, SPACE)
        except UnicodeEncodeError:
            raise invalid(NOT_BASE64) from None


def _without_percents(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the data with a byte in place of each %XX."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        begun = data.find(b"%", max(0, len(data) - PERCENT + 1))
        whole = begun if begun >= 0 else len(data)
        rest = data[whole:]
        yield _unquoted(data[:whole])
    yield _unquoted(rest)


def _unquoted(data: bytes) -> bytes:
    """Return data with a byte in place of each %XX.

    Quoted-printable differs from this only in its mark, and is decoded in C and in little memory.
    """
    if b"%" not in data:
        return data
    if LONE_PERCENT.search(data):
        raise invalid("a data: URL has two hexadecimal digits after each %")
    return binascii.a2b_qp(data.replace(b"=", b"%3D").replace(b"%", b"="))


def _of_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decode base64 or base64url, with or without the = at its end."""
    rest, count, padded = b"", 0, False
    for piece in pieces:
        given = piece.translate(OF_URLS, SPACE)  # a data: URL may have it as %0A
        digits = given.rstrip(b"=")
        if b"=" in digits or (padded and digits):
            raise invalid(f"{NOT_BASE64} (there is more after the = at its end)")
        padded = padded or len(digits) < len(given)
        digits = rest + digits
        whole = len(digits) // DIGITS * DIGITS
        rest = digits[whole:]
        count += whole
        yield _decoded(digits[:whole])
    if len(rest) == 1:
        raise invalid(f"{NOT_BASE64} (it is cut off: {count + 1:,} digits are never a number of whole bytes)")
    yield _decoded(rest + b"=" * (-len(rest) % DIGITS))


def _decoded(digits: bytes) -> bytes:
    try:
        return binascii.a2b_base64(digits, strict_mode=True)
    except binascii.Error:
        raise invalid(f"{NOT_BASE64} (it has a character that base64 doesn't have)") from None
