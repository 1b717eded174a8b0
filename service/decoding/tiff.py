"""The first directory of a TIFF: how many pixels it claims, and how they are compressed (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct

WIDTH, HEIGHT, COMPRESSION = 256, 257, 259
PIECES = ((273, 279), (324, 325))  # where the pixels' strips or tiles begin, and how long they are
WANTED = {WIDTH, HEIGHT, COMPRESSION}.union(*PIECES)
NUMBERS = {3: "H", 4: "I", 16: "Q"}  # types of numbers -> their form
MOST_TAGS = 1000
COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
"""None, fax (2 to 4), LZW, JPEG, deflate, PackBits, and deflate by its old number: what cameras, scanners and editors
write. libtiff knows rare ones as well, whose decoders nearly nobody looks at."""


def pixels(data: bytes) -> int | None:
    """Return width times height of the first picture; None where they aren't there."""
    tags, _ = _directory(data)
    width, height = (_number(tags.get(tag, ())) for tag in (WIDTH, HEIGHT))
    return None if width is None or height is None else width * height


def compression(data: bytes) -> int:
    """Return the number of the first picture's compression."""
    tags, _ = _directory(data)
    return _number(tags.get(COMPRESSION, ())) or COMPRESSIONS[0]


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known."""
    tags, is_whole = _directory(data)
    if not is_whole:
        return "it is cut off: its directory isn't there, or not whole; it often comes last"
    pieces = next((pair for pair in PIECES if pair[0] in tags), PIECES[0])
    ends = [at + length for at, length in zip(*(tags.get(tag, ()) for tag in pieces), strict=False)]
    if ends and max(ends) > len(data):
        whole = sum(end <= len(data) for end in ends)
        return f"it is cut off: {whole} of {len(ends)} pieces of its pixels are there"
    return None


def _directory(data: bytes) -> tuple[dict[int, tuple[int, ...]], bool]:
    """Return the numbers of the first directory by their tags, as far as they are there, and whether all are."""
    order, is_big = "<" if data[:1] == b"I" else ">", data[2:4] in (b"+\0", b"\0+")
    places, count_form, entry = ("Q", "Q", 20) if is_big else ("I", "H", 12)
    found: dict[int, tuple[int, ...]] = {}
    try:
        (at,) = struct.unpack_from(order + places, data, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + count_form, data, at)
        at += struct.calcsize(count_form)
        for _ in range(min(count, MOST_TAGS)):
            tag, kind, length = struct.unpack_from(f"{order}HH{places}", data, at)
            if tag in WANTED and kind in NUMBERS and 0 < length <= len(data):
                form, value_at = f"{order}{length}{NUMBERS[kind]}", at + 4 + struct.calcsize(order + places)
                if struct.calcsize(form) > struct.calcsize(order + places):  # it stands elsewhere
                    (value_at,) = struct.unpack_from(order + places, data, value_at)
                found[tag] = struct.unpack_from(form, data, value_at)
            at += entry
    except (struct.error, OverflowError):  # it is cut off, or points behind its end
        return found, False
    return found, True


def _number(numbers: tuple[int, ...]) -> int | None:
    return numbers[0] if numbers else None
