"""The orientation of a picture as browsers understand it: by the EXIF of its file alone, read strictly."""

from __future__ import annotations

import struct

from PIL import ExifTags, Image

from service.decoding.tiff import BYTE_ORDERS

EXIF = b"Exif\0\0"  # how EXIF begins in a JPEG, and as Pillow gives it
SHORT = 3  # the type of a tag whose value is a number of 16 bits
KNOWN = range(1, 9)
TURNS = {  # EXIF orientation -> what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap width and height


def orientation_of(image: Image.Image) -> int:
    """Return how a loaded picture is turned, 1 to 8 as in EXIF; 1 is upright.

    Pillow's own reader, `getexif`, also hears XMP, texts of a PNG and tags of other types, which browsers don't. A
    TIFF is upright after Pillow has loaded it; so are the pictures of AVIF and HEIC, but for what it writes as EXIF.
    """
    exif = image.info.get("exif")
    return _orientation(exif.removeprefix(EXIF)) if isinstance(exif, bytes) else 1


def upright(image: Image.Image) -> Image.Image:
    """Return a loaded picture as it is to be seen."""
    return turned(image, orientation_of(image))


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture of this orientation as it is to be seen."""
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _orientation(exif: bytes) -> int:
    """Return the first orientation of the first directory that is a SHORT and known; 1 where there is none."""
    order = BYTE_ORDERS.get(exif[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if (tag, kind, count) == (ExifTags.Base.Orientation, SHORT, 1) and value in KNOWN:
                return int(value)
    except struct.error:  # it is cut off
        pass
    return 1
