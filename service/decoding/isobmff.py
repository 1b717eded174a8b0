"""Files of the ISO base media format, as AVIF and HEIC are: their brands, and the pixels that they claim.

Boxes are those of ISO/IEC 14496-12, and of 23008-12 for pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}  # mif1 says little, so AVIF goes first
BRANDED = 64  # bytes in which a file names its brands
MOST_BOXES = 1000  # in one box, and at the top: a photo of a phone has some 100 tiles
FULL = 4  # bytes of version and flags with which some boxes begin


def format_of(data: bytes) -> str | None:
    """Return "AVIF" or "HEIC", by the brands that a file names; None for other files."""
    if data[4:8] != b"ftyp":
        return None
    brands = {data[at : at + 4] for at in range(8, BRANDED, 4)}
    return next((name for name, known in BRANDS.items() if brands.intersection(known)), None)


def pixels(data: bytes) -> int | None:
    """Return the pixels of the largest picture that a file describes; None where it describes none.

    A picture in tiles describes each tile's size and the whole one's.
    """
    properties = _inside(data, b"meta", b"iprp", b"ipco")
    if properties is None:
        return None
    found = [0]
    for kind, start, end in _boxes(data, *properties):
        if kind == b"ispe" and end >= start + FULL + 8:
            width, height = (int.from_bytes(data[at : at + 4]) for at in (start + FULL, start + FULL + 4))
            found.append(width * height)
    return max(found) or None


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known.

    Its last box is that of the pixels, whose size is known from the first.
    """
    said, there = max((stop for _, _, stop in _boxes(data, 0)), default=0), len(data)
    if said > there:
        return f"it is cut off: {min(99, 100 * there // said)} % of it is there ({there:,} of {said:,} bytes)"
    return None


def _inside(data: bytes, *path: bytes) -> tuple[int, int] | None:
    """Return where the content of a nested box begins and ends."""
    start, end = 0, len(data)
    for wanted in path:
        place = next(
            ((begin, min(stop, end)) for kind, begin, stop in _boxes(data, start, end) if kind == wanted), None
        )
        if place is None:
            return None
        start, end = place
        if wanted == b"meta":
            start += FULL
    return start, end


def _boxes(data: bytes, start: int, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start of the content, and end of the boxes between two places; the last may end behind the file."""
    end = len(data) if end is None else end
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return
        size, kind, head = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], 8
        if size == 1:  # a longer size follows
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        stop = start + size if size else end  # 0: to the end
        if size and size < head:
            return
        yield kind, start + head, stop
        start = stop
