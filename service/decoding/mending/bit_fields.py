"""BMP files whose pixels have their channels where masks say: Pillow reads few layouts, browsers read all."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

HEADER = struct.Struct("<2sIIIIiiHHIIiiII")  # of the file and of its picture
MASKS = slice(HEADER.size, HEADER.size + 16)  # red, green, blue and, where the header has room for it, alpha
FILE_HEADER = 14  # bytes of the header before the picture's own
WITHOUT_MASKS, WITH_ALPHA = 40, 56  # bytes of a picture's header: masks follow it; it has four
BIT_FIELDS, ALPHA_BIT_FIELDS = 3, 6  # compressions: three masks at least, four
PIXELS: dict[int, np.dtype[np.unsignedinteger]] = {16: np.dtype("<u2"), 32: np.dtype("<u4")}
PLAIN = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # masks of bytes in the order blue, green, red, alpha
ORDER = (2, 1, 0, 3)  # where these bytes have red, green, blue, alpha


def with_bytes(data: bytes) -> bytes | None:
    """Return a BMP with a byte for each channel; None for one without masks, and for half a file."""
    if len(data) < MASKS.stop:
        return None
    magic, _, _, start, size, width, height, planes, bits, compression, _, *others = HEADER.unpack_from(data)
    if size < WITHOUT_MASKS or compression not in (BIT_FIELDS, ALPHA_BIT_FIELDS) or bits not in PIXELS:
        return None
    stride, rows = (width * bits + 31) // 32 * 4, abs(height)
    if min(width, rows) < 1 or len(data) < start + stride * rows:
        return None
    pixels = np.ndarray((rows, width), PIXELS[bits], data, start, (stride, bits // 8))
    *colours, alpha = np.frombuffer(data[MASKS], "<u4").tolist()
    has_alpha = bool(alpha) and (size >= WITH_ALPHA or compression == ALPHA_BIT_FIELDS)
    found = np.full((rows, width, len(ORDER)), 255, np.uint8)
    for channel, mask in zip(ORDER, (*colours, alpha) if has_alpha else colours, strict=False):
        found[..., channel] = _channel(pixels, mask & (2**bits - 1))
    begin, length = FILE_HEADER + WITH_ALPHA, found.nbytes
    header = HEADER.pack(
        magic, begin + length, 0, begin, WITH_ALPHA, width, height, planes, 32, BIT_FIELDS, length, *others
    )
    return header + np.array(PLAIN, "<u4").tobytes() + found.tobytes()


def _channel(pixels: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.uint8]:
    """Return the bits of a mask, scaled to 0 to 255."""
    lowest = mask & -mask or 1
    most = mask // lowest or 1
    return ((pixels & mask) // lowest * np.float32(255 / most) + np.float32(0.5)).astype(np.uint8)
