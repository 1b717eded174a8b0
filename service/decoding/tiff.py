"""The first directory of a TIFF: how many pixels it claims, how they are compressed, and where they lie.

By TIFF 6.0 and BigTIFF. A directory that no camera, scanner or editor writes is refused: Pillow and libtiff may
understand it differently.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

WIDTH, HEIGHT, COMPRESSION = 256, 257, 259
PIECES = ((273, 279), (324, 325))  # where the pixels' strips or tiles begin, and how long they are
SHORT, LONG, LONG8 = 3, 4, 16  # types of numbers
NUMBERS = {SHORT: "H", LONG: "I", LONG8: "Q"}  # their forms
SIZES = {**dict.fromkeys((1, 2, 6, 7), 1), **dict.fromkeys((3, 8), 2), **dict.fromkeys((4, 9, 11, 13), 4)}
SIZES |= dict.fromkeys((5, 10, 12, 16, 17, 18), 8)
"""Bytes of a value of each type."""
MOST_TAGS = 1000
MOST_PIECES = 100_000
COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
"""None, fax (2 to 4), LZW, JPEG, deflate, PackBits, and deflate by its old number: what cameras, scanners and editors
write. libtiff knows rare ones as well, whose decoders nearly nobody looks at."""


@dataclass(frozen=True)
class _Form:
    """The form of a file's numbers: their byte order, and those that are places or counts."""

    order: str
    place: struct.Struct
    count: struct.Struct  # of the directory's entries
    entry: struct.Struct  # an entry before its value


def _form(order: str, place: str, count: str) -> _Form:
    return _Form(order, *(struct.Struct(order + numbers) for numbers in (place, count, f"HH{place}")))


BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
"""How a TIFF, or EXIF, begins -> the byte order of its numbers, as struct has it."""

_FORMS = {start: _form(order, "I", "H") for start, order in BYTE_ORDERS.items()} | {b"II+\0": _form("<", "Q", "Q")}


@dataclass(frozen=True)
class _Entry:
    """An entry of the directory; at `at` stands its value or, if that is too long, the place of its value."""

    tag: int
    kind: int
    length: int
    at: int


class BrokenDirectory(ValueError):
    """A directory that is not whole, or that nobody writes; the text says why."""


def pixels(data: bytes) -> int | None:
    """Return width times height of the first picture; None where they can't be told."""
    try:
        numbers = _numbers(data)
    except BrokenDirectory:
        return None
    return numbers[WIDTH] * numbers[HEIGHT] if WIDTH in numbers and HEIGHT in numbers else None


def compression(data: bytes) -> int:
    """Return the number of the first picture's compression. Raises BrokenDirectory."""
    return _numbers(data).get(COMPRESSION, COMPRESSIONS[0])


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known."""
    try:
        entries = {entry.tag: entry for entry in _entries(data)}
    except BrokenDirectory as error:
        return str(error)
    ends = _ends_of_pieces(data, entries)
    if ends and max(ends) > len(data):
        whole = sum(end <= len(data) for end in ends)
        return f"it is cut off: {whole} of {len(ends)} pieces of its pixels are there"
    if any(_end(data, entry) > len(data) for entry in entries.values()):
        return "it is cut off: its directory names values that aren't there, or not whole"
    return None


def _ends_of_pieces(data: bytes, entries: dict[int, _Entry]) -> list[int]:
    """Return where the pieces of the pixels end; none if the directory or the file doesn't say so."""
    for pair in PIECES:
        if all(tag in entries for tag in pair):
            begins, lengths = (_values(data, entries[tag]) for tag in pair)
            return [at + length for at, length in zip(begins, lengths, strict=False)]
    return []


def _numbers(data: bytes) -> dict[int, int]:
    """Return the size and the compression by their tags, those that are there. Raises BrokenDirectory."""
    found: dict[int, int] = {}
    for entry in _entries(data):
        if entry.tag not in (WIDTH, HEIGHT, COMPRESSION):
            continue
        if entry.tag in found or entry.kind not in (SHORT, LONG) or entry.length != 1:
            raise BrokenDirectory(f"its tag {entry.tag} is not one number")
        (found[entry.tag],) = _values(data, entry)
    return found


def _entries(data: bytes) -> Iterator[_Entry]:
    """Yield the entries of the first directory. Raises BrokenDirectory."""
    form = _form_of(data)
    step = form.entry.size + form.place.size
    try:
        (start,) = form.place.unpack_from(data, form.place.size)
        (count,) = form.count.unpack_from(data, start)
        if count > MOST_TAGS:
            raise BrokenDirectory(f"its directory has more than {MOST_TAGS:,} entries")
        for i in range(count):
            at = start + form.count.size + i * step
            form.place.unpack_from(data, at + form.entry.size)  # the value is there as well
            tag, kind, length = form.entry.unpack_from(data, at)
            yield _Entry(tag, kind, length, at + form.entry.size)
    except (struct.error, OverflowError):
        raise BrokenDirectory("it is cut off: its directory isn't there, or not whole; it often comes last") from None


def _values(data: bytes, entry: _Entry) -> tuple[int, ...]:
    """Return the numbers of an entry; none where they aren't numbers, aren't in the file, or are too many."""
    if entry.kind not in NUMBERS or entry.length > MOST_PIECES:
        return ()
    form = _form_of(data)
    values = struct.Struct(f"{form.order}{entry.length}{NUMBERS[entry.kind]}")
    try:
        at = entry.at if values.size <= form.place.size else form.place.unpack_from(data, entry.at)[0]
        return values.unpack_from(data, at)
    except (struct.error, OverflowError):
        return ()


def _end(data: bytes, entry: _Entry) -> int:
    """Return where the value of an entry ends, 0 for one of a type that isn't known."""
    place = _form_of(data).place
    size = SIZES.get(entry.kind, 0) * entry.length
    return size and size + (entry.at if size <= place.size else place.unpack_from(data, entry.at)[0])


def _form_of(data: bytes) -> _Form:
    """Return the form of a file's numbers. Raises BrokenDirectory for headers that programs read differently."""
    form = _FORMS.get(data[:4])
    if form is None:
        raise BrokenDirectory("its first bytes are those of a kind that isn't read")
    return form
