"""Files that are small or look harmless, but are costly to decode."""

from __future__ import annotations

import struct

import numpy as np
from picture_files import encoded
from PIL import Image


def many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG of side x side pixels that repeats its last scan, a pass over all of them."""
    data = encoded(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last, end = data.rindex(b"\xff\xda"), len(data) - 2
    return data[:end] + data[last:end] * (scans - data.count(b"\xff\xda")) + data[end:]


def many_segments(count: int) -> bytes:
    """A small JPEG with so many segments of EXIF data."""
    data = encoded(Image.new("RGB", (16, 16)), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 8) + b"Exif\0\0MM"
    return data[:2] + segment * count + data[2:]


def run_lengths(width: int, height: int) -> bytes:
    """A BMP of a few bytes whose rows are all one run."""
    runs = b"\xff\x00" * 20 + b"\x00\x01"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + len(header) + 1024
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + header + bytes(1024) + runs


def one_colour(side: int) -> bytes:
    """A WebP of some 50 bytes and side x side pixels."""
    return encoded(np.zeros((side, side, 3), np.uint8), "WEBP", lossless=True, quality=0, method=0)
