"""Read a picture's format and number of pixels from the first bytes of its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.decoding import isobmff, tiff
from service.pictures.formats import MEDIA_TYPES, READABLE, STARTS

UNKNOWN_TYPE = "application/octet-stream"
PLUGINS = tuple(name.replace("HEIC", "HEIF") for name in READABLE)  # Pillow's names
CHECK_S = {"PNG": 6.0, "JPEG": 5.0, "WEBP": 7.0, "GIF": 4.0, "BMP": 3.0, "AVIF": 7.0, "TIFF": 6.0, "HEIC": 10.0}
"""CPU seconds to read a whole file: twice what the slowest honest one of 64 megapixels took on a Zen 5 core.

`python -m bench.decoding` measures them. To bring all colours to sRGB as well takes up to twice as long.
"""
UNKNOWN_CHECK_S = min(CHECK_S.values())
BMP_HEADERS = range(12, 125)  # bytes of the second header of a BMP; letters of a text make a far greater number
JPEG_SEGMENTS = 200  # segments that are searched for a JPEG's size: enough for every camera's files, and quick
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG and DAC


@dataclass(frozen=True)
class Head:
    """The format and the number of pixels that a file claims; None where its first bytes don't say."""

    format: str | None
    pixels: int | None

    @property
    def check_s(self) -> float:
        """The CPU seconds that reading the file may take."""
        return CHECK_S[self.format] if self.format else UNKNOWN_CHECK_S


def head_of(data: bytes) -> Head:
    """Read what a file's first bytes claim, in a bounded number of steps."""
    for format, starts in STARTS.items():
        if data.startswith(starts) and _CONFIRMED.get(format, bool)(data):
            return Head(format, _PIXELS[format](data))
    format_of_boxes = isobmff.format_of(data)
    return Head(format_of_boxes, isobmff.pixels(data)) if format_of_boxes in READABLE else Head(None, None)


def media_type_of(data: bytes) -> str:
    """Return the media type of a picture's file, by how it begins."""
    return MEDIA_TYPES.get(head_of(data).format or "", UNKNOWN_TYPE)


def _png(data: bytes) -> int | None:
    return _product(data[16:24], 4, "big")


def _gif(data: bytes) -> int | None:
    return _product(data[6:10], 2, "little")


def _bmp(data: bytes) -> int | None:
    if data[14:18] == b"\x0c\0\0\0":  # the header of OS/2
        return _product(data[18:22], 2, "little")
    if len(data) < 26:  # noqa: PLR2004 - where the height ends
        return None
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return abs(width * height)


def _webp(data: bytes) -> int | None:
    kind, start = data[12:16], data[20:30]
    if len(start) < 10:  # noqa: PLR2004 - the longest of the three headers
        return None
    if kind == b"VP8X":
        return (int.from_bytes(start[4:7], "little") + 1) * (int.from_bytes(start[7:10], "little") + 1)
    if kind == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    return (int.from_bytes(start[6:8], "little") & 0x3FFF) * (int.from_bytes(start[8:10], "little") & 0x3FFF)


def _jpeg(data: bytes) -> int | None:
    at = 2
    for _ in range(JPEG_SEGMENTS):
        if data[at : at + 1] != b"\xff" or at + 4 > len(data):
            return None
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker in JPEG_FRAMES:
            return _product(data[at + 5 : at + 9], 2, "big")
        at += 1 if marker == 0xFF else 2 + length  # noqa: PLR2004 - a fill byte
    return None


def _product(sides: bytes, width: int, order: str) -> int | None:
    """Return the product of two numbers of `width` bytes each; None if bytes are missing."""
    if len(sides) < 2 * width:
        return None
    first, second = sides[:width], sides[width:]
    return int.from_bytes(first, order) * int.from_bytes(second, order)  # type: ignore[arg-type]


_CONFIRMED: dict[str, Callable[[bytes], bool]] = {
    "WEBP": lambda data: data[8:12] == b"WEBP",
    "BMP": lambda data: int.from_bytes(data[14:18], "little") in BMP_HEADERS,
}
"""Functions that look at more of a file whose first bytes other files may have too."""
_PIXELS: dict[str, Callable[[bytes], int | None]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": tiff.pixels,
}
