"""BMP: palettes with more colours than pixels can name, pixels of any bit fields, and how much of a file is there."""

from __future__ import annotations

from service.decoding.mending import bit_fields
from service.decoding.mending.version import Version, Versions

FILE_HEADER = 14  # bytes
OFFSET = slice(10, 14)  # where a file says where its pixels begin
SIZE = slice(14, 18)  # where the second header says how many bytes it has
BITS = slice(28, 30)  # where a header of Windows says how many bits a pixel has
COLOURS = slice(46, 50)  # where it says how many colours the palette has
OS2_HEADER = 12  # bytes of the oldest header after the file's own, which says nothing of colours
MOST_BITS = 8  # of pixels that are numbers of colours


def versions(data: bytes) -> Versions:
    """Yield the file, its palette cut to the colours that its pixels can name; then with a byte for each channel."""
    bits, colours = (int.from_bytes(data[at], "little") for at in (BITS, COLOURS))
    if int.from_bytes(data[SIZE], "little") > OS2_HEADER and bits <= MOST_BITS and colours > 2**bits:
        yield Version(data[: COLOURS.start] + (2**bits).to_bytes(4, "little") + data[COLOURS.stop :])
    else:
        yield Version(data)
        if plain := bit_fields.with_bytes(data):
            yield Version(plain)


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a BMP that can't be read; None where it isn't known."""
    start, header = (int.from_bytes(data[at], "little") for at in (OFFSET, SIZE))
    if len(data) < FILE_HEADER + header:
        return "it is cut off in its header"
    width_at, side = (18, 2) if header == OS2_HEADER else (18, 4)
    width, height = (
        int.from_bytes(data[at : at + side], "little", signed=True) for at in (width_at, width_at + side)
    )
    bits = int.from_bytes(data[width_at + 2 * side + 2 : width_at + 2 * side + 4], "little")
    said, there = (width * bits + 31) // 32 * 4 * abs(height), len(data) - start
    return (
        f"it is cut off: {max(0, min(99, 100 * there // max(1, said)))} % of its pixels are there"
        if there < said
        else None
    )
