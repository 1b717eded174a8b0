"""Files that pictures come in: every kind that is read, and broken or hostile ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms


def encoded(image: Image.Image | np.ndarray, format: str, **settings: Any) -> bytes:
    """The file of an image or an H x W x 3 uint8 picture."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header speaks of a huge picture."""
    return _png(width, height, colour_type=2, rows=bytes(1000))


def png_without_palette(side: int) -> bytes:
    """A PNG whose pixels are indices into a palette that it hasn't got."""
    return _png(side, side, colour_type=3, rows=bytes(side * (1 + side)))


def _png(width: int, height: int, colour_type: int, rows: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "JPEG"))
    frame = data.index(b"\xff\xc0")  # SOF0: length, precision, height, width
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def webp_claiming(width: int, height: int) -> bytes:
    """At most 16384 x 16384: the format's header has 14 bits for each side."""
    data = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "WEBP", lossless=True))
    bits = data.index(b"VP8L") + 9  # after the chunk's size and the signature 0x2f
    (flags,) = struct.unpack_from("<I", data, bits)
    struct.pack_into("<I", data, bits, (flags >> 28 << 28) | (height - 1) << 14 | (width - 1))
    return bytes(data)


def _s15f16(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def swapped_profile() -> bytes:
    """An ICC profile like sRGB's, but whose red is blue and whose blue is red."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def wide_profile() -> bytes:
    """An ICC profile with Adobe RGB's primaries and gamma, over which sRGB's colours lie further in."""
    primaries = {b"rXYZ": (0.60974, 0.31111, 0.01947), b"gXYZ": (0.20528, 0.62567, 0.06087),
                 b"bXYZ": (0.14919, 0.06322, 0.74457), b"wtpt": (0.9642, 1.0, 0.8249)}  # fmt: skip
    tags = {name: b"XYZ \0\0\0\0" + b"".join(map(_s15f16, xyz)) for name, xyz in primaries.items()}
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(2.2 * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    text = b"wide\0"
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags[b"cprt"] = b"text\0\0\0\0none\0"
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += padded
    size = start + len(body)
    head = struct.pack(
        ">I4sI4s4s4s12s4s4s", size, b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ", bytes(12), b"acsp", b""
    )
    head += bytes(68 - len(head)) + b"".join(map(_s15f16, (0.9642, 1.0, 0.8249)))
    head += bytes(128 - len(head))
    return head + struct.pack(">I", len(tags)) + table + body
