"""WebP and BMP: how much of a file is there. What browsers show of them, Pillow reads as it is."""

from __future__ import annotations

RIFF = 8  # bytes before those that a RIFF file's size counts
BMP_OFFSET = slice(10, 14)  # where a BMP says where its pixels begin
OS2_HEADER = 12  # bytes of the oldest header after the file's own


def why_webp_is_broken(data: bytes) -> str | None:
    """Return what is wrong with a WebP that can't be read; None where it isn't known."""
    said, there = RIFF + int.from_bytes(data[4:8], "little"), len(data)
    if said > there:
        return f"it is cut off: {min(99, 100 * there // said)} % of it is there ({there:,} of {said:,} bytes)"
    return f"its header says that it has {said:,} bytes, and it has {there:,}" if said + 1 < there else None


def why_bmp_is_broken(data: bytes) -> str | None:
    """Return what is wrong with a BMP that can't be read; None where it isn't known."""
    start, header = (int.from_bytes(data[at], "little") for at in (BMP_OFFSET, slice(14, 18)))
    if len(data) < RIFF + header + 6:
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
