"""JSON of requests, whose size is checked before it is parsed: everything but its pictures must be small.

Everything except long strings has limits of bytes, values and depth, and the number of long strings has a limit. So a
body that is refused costs only one pass over its bytes, whatever it holds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from service.errors import BodyTooLarge, MalformedBody, shown

MAX_JSON = 2**20  # bytes without the long strings; in the JSON part of a form, all bytes
LONG = 2**10  # least bytes of a long string; only pictures need so many
MAX_LONG = 1000  # long strings; 16 variants with 16 styles each can name 868 pictures
MAX_VALUES = 10_000  # objects, lists, and what is in them
MAX_QUOTES = 5 * MAX_VALUES  # a key and its text have four quotes
MAX_DEPTH = 16  # of nested objects and lists
MAX_KEY = 200  # characters of a key
MAX_WHOLE = 2**63  # a number with a fraction of zeros that is larger stays a float
MAX_DIGITS = 100  # characters of such a number
MAX_WHOLE_DIGITS = 1000  # characters of a number without a fraction

_STRUCTURE = re.compile(rb"[\[\]{},]")


def read_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8.

    Raises:
        BodyTooLarge: it is past one of the limits.
        MalformedBody: not JSON, not an object, nested too deep, with a key that is repeated or too long, or with a
            number that is too long.
    """
    _check_size(raw)
    try:
        body = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_whole, parse_float=number)
    except UnicodeDecodeError:
        raise MalformedBody("the body is not JSON: it must be UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise MalformedBody("the body must be a JSON object")
    return body


def _whole(text: str) -> int:
    if len(text) > MAX_WHOLE_DIGITS:
        raise MalformedBody(
            f"the JSON has a number of {len(text):,} characters; at most {MAX_WHOLE_DIGITS:,} are read"
        )
    return int(text)


def number(text: str) -> int | float:
    """Return the number of a JSON text with a fraction or an exponent: `64.0` and `6.4e1` are the integer 64.

    JSON Schema says so, and some languages write all numbers like this. Beyond 64 bits a number stays a float.
    """
    value = float(text)
    if not value.is_integer() or abs(value) > MAX_WHOLE or len(text) > MAX_DIGITS:
        return value
    try:
        exact = Decimal(text)
    except ArithmeticError:  # its exponent has more digits than Decimal takes
        return value
    whole = int(exact)
    return whole if whole == exact else value


def _check_size(raw: bytes) -> None:
    """Raise BodyTooLarge or MalformedBody for a body past one of the limits."""
    if raw.count(b'"') > MAX_QUOTES:
        raise BodyTooLarge(f"the JSON has more than {MAX_VALUES:,} values")
    outside, strings = _split_strings(raw)
    if sum(length >= LONG for length in strings) > MAX_LONG:
        raise BodyTooLarge(f"the JSON has more than {MAX_LONG:,} strings of {LONG:,} bytes or more")
    if sum(map(len, outside)) + sum(length for length in strings if length < LONG) > MAX_JSON:
        raise BodyTooLarge(f"the JSON is larger than {MAX_JSON / 2**20:g} MiB without the pictures in it")
    _check_structure(b"".join(outside))


def _split_strings(raw: bytes) -> tuple[list[bytes], list[int]]:
    """Return the pieces outside of strings, and the length of each string in bytes."""
    outside: list[bytes] = []
    strings: list[int] = []
    pieces = iter(raw.split(b'"'))
    for piece in pieces:
        outside.append(piece)
        length = sum(map(len, _of_one_string(pieces)))
        strings.append(length)
    return outside, strings


def _of_one_string(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces up to the quote that ends the string; a quote after an odd number of backslashes doesn't."""
    for piece in pieces:
        yield piece
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 0:
            return


def _check_structure(outside: bytes) -> None:
    """Raise BodyTooLarge or MalformedBody for too many values, or too deep ones."""
    depth, values = 0, 1
    for found in _STRUCTURE.finditer(outside):
        if found[0] in b"]}":
            depth -= 1
            continue
        values += 1
        depth += found[0] in b"[{"
        if depth > MAX_DEPTH:
            raise MalformedBody(f"the JSON is nested more than {MAX_DEPTH} deep")
        if values > MAX_VALUES:
            raise BodyTooLarge(f"the JSON has more than {MAX_VALUES:,} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise MalformedBody(f"an object of the JSON has the key {shown(twice)} twice")
    for key in found:
        if len(key) > MAX_KEY or not key.isprintable():
            raise MalformedBody(f"the key {shown(key)} is no text of {MAX_KEY} printable characters at most")
    return found
