"""Picture files: every kind that the service reads, and broken or hostile ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()


def encoded(image: Image.Image | np.ndarray, format: str, **settings: Any) -> bytes:
    """The file of an image or an H x W x 3 uint8 picture."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, "HEIF" if format == "HEIC" else format, **settings)
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


def bmp_with_masks(pixels: np.ndarray, masks: tuple[int, ...], header: int) -> bytes:
    """A BMP of pixels, H x W uint16 or uint32, whose channels lie where masks say. The first row is the lowest."""
    height, width = pixels.shape
    stride = -(-pixels.strides[0] // 4) * 4
    rows = b"".join(row.tobytes().ljust(stride, b"\0") for row in pixels)
    fields = struct.pack(
        f"<IiiHHIIiiII{len(masks)}I", header, width, height, 1, pixels.itemsize * 8, 3, *[0] * 5, *masks
    )
    fields = fields.ljust(header, b"\0")
    return b"BM" + struct.pack("<III", 14 + len(fields) + len(rows), 0, 14 + len(fields)) + fields + rows


def webp_claiming(width: int, height: int) -> bytes:
    """A small WebP that claims a size of at most 16384 x 16384: its header has 14 bits for each side."""
    data = bytearray(encoded(np.zeros((16, 16, 3), np.uint8), "WEBP", lossless=True))
    bits = data.index(b"VP8L") + 9  # after the chunk's size and the signature 0x2f
    (flags,) = struct.unpack_from("<I", data, bits)
    struct.pack_into("<I", data, bits, (flags >> 28 << 28) | (height - 1) << 14 | (width - 1))
    return bytes(data)


def png_of_samples(samples: np.ndarray, depth: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of unchanged H x W x C samples; C: grey, grey and alpha, RGB, or RGBA. Less than 8 bits only for grey."""
    height, width, channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, depth, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = [samples[row].reshape(-1) for row in range(height)]
    if depth >= 8:
        packed = [row.astype(f">u{depth // 8}").tobytes() for row in rows]
    else:
        bits = [(row[:, None] >> np.arange(depth)[::-1]) & 1 for row in rows]
        packed = [np.packbits(row.astype(np.uint8).reshape(-1)).tobytes() for row in bits]
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in packed)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts) + png_chunk(b"IEND", b"")


def ycck_jpeg(cmyk: np.ndarray) -> bytes:
    """H x W x 4 uint8, 255 all ink -> a JPEG as Adobe writes it: inverted, C, M and Y as YCbCr."""
    brightness = Image.fromarray(np.ascontiguousarray(cmyk[..., :3])).convert("YCbCr")
    stored = np.dstack([255 - np.asarray(brightness), cmyk[..., 3]])  # Pillow writes 255 less each of these
    data = bytearray(encoded(Image.fromarray(stored, "CMYK"), "JPEG", quality=100, subsampling=0))
    marker = data.index(b"Adobe")
    assert data[marker + 11] == 0  # no transform
    data[marker + 11] = 2  # YCCK
    return bytes(data)
