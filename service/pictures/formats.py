"""The formats of pictures that are read, by their names, media types and first bytes."""

from __future__ import annotations

from importlib.util import find_spec

HAS_HEIC = find_spec("pillow_heif") is not None  # which isn't among the requirements
MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
    "TIFF": "image/tiff",
    "HEIC": "image/heic",
}
READABLE = tuple(name for name in MEDIA_TYPES if HAS_HEIC or name != "HEIC")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
STARTS = {
    "PNG": (PNG_SIGNATURE,),
    "JPEG": (b"\xff\xd8\xff",),
    "WEBP": (b"RIFF",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0"),
}
"""What a file begins with, as Pillow knows it. AVIF and HEIC begin with a length; see service.decoding.isobmff."""
