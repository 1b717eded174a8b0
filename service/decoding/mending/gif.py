"""GIF: a first picture whose end is missing, though all of its pixels are there."""

from __future__ import annotations

from service.decoding.mending.rows import rows_there
from service.decoding.mending.version import Version, Versions

SCREEN = 13  # bytes of the header
DESCRIPTOR = 10  # bytes before a picture's own palette
FILLINGS = (b"\0", b"\x55")
ROOM = 255  # bytes of a block at most
PICTURE, EXTENSION, TRAILER = 0x2C, 0x21, b"\x3b"


def versions(data: bytes) -> Versions:
    """Yield the file; then, if it ends within its first picture, with two different ends."""
    yield Version(data)
    cut = _cut_block(data)
    if cut is not None:
        first, other = (data + _ending(cut, filling) for filling in FILLINGS)
        yield Version(first, other)


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known."""
    if len(data) < SCREEN:
        return "it is cut off in its header"
    if bytes((PICTURE,)) not in data[SCREEN + _palette(data[10:11]) :]:
        return "it is cut off before its pixels"
    if _cut_block(data) is None:
        return None
    return f"it is cut off: {rows_there(data) or 'none of its rows are there'}"


def _ending(missing: int, filling: bytes) -> bytes:
    """Return the end of a file: the missing bytes of its last block, one block more, and what ends a GIF."""
    return filling * missing + bytes((ROOM,)) + filling * ROOM + b"\0" + TRAILER


def _cut_block(data: bytes) -> int | None:
    """Return how many bytes the last block of pixels lacks; None if the first picture ends, or none begins."""
    at = SCREEN + _palette(data[10:11])
    while at < len(data) and data[at] == EXTENSION:
        end = _after_blocks(data, at + 2)
        if end > len(data):
            return None
        at = end
    if data[at : at + 1] != bytes((PICTURE,)):
        return None
    end = _after_blocks(data, at + DESCRIPTOR + _palette(data[at + 9 : at + 10]) + 1)
    return None if end <= len(data) else end - len(data) - 1


def _after_blocks(data: bytes, at: int) -> int:
    """Return where the blocks end that begin at `at`: beyond the file's end if it ends before them."""
    while at < len(data):
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return at + 1


def _palette(flags: bytes) -> int:
    """Return the bytes of the palette that a byte of flags announces."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
