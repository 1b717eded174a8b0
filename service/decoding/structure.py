"""A check of a file's structure, before anything is decoded: no camera and no editor writes what it refuses.

It knows some ways to make a file slow. The limits of the decoder process end files that are slow in other ways.
"""

from __future__ import annotations

from service.decoding import tiff
from service.decoding.formats import head_of
from service.decoding.mending import jpeg, png
from service.pictures.formats import PNG_SIGNATURE, STARTS
from service.pictures.images import UnreadableImage

JPEG_SCANS = 100  # a progressive JPEG has some 10; each is a pass over all pixels
JPEG_SEGMENTS = 5000  # before the pixels; a profile of 16 MiB has 256
PNG_CHUNKS = 100_000
BMP_COMPRESSIONS = (0, 3, 6)  # none, and bit fields; run lengths, JPEG and PNG inside a BMP aren't read


def check_structure(data: bytes) -> None:
    """Refuse a file whose structure would make it slow to open or to decode.

    Raises:
        UnreadableImage: the message says what is wrong with the structure.
    """
    if data.startswith(PNG_SIGNATURE):
        _check_png(data)
    elif data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif head_of(data).format == "BMP":
        _check_bmp(data)
    elif data.startswith(STARTS["TIFF"]):
        _check_tiff(data)


def _check_png(data: bytes) -> None:
    """Refuse several colour profiles: Pillow unpacks each while it opens the file, a megabyte of them in seconds."""
    profiles = 0
    for count, chunk in enumerate(png.chunks(data), start=1):
        if count > PNG_CHUNKS:
            raise UnreadableImage(f"broken image: a PNG of more than {PNG_CHUNKS:,} chunks is not read")
        profiles += chunk.kind == b"iCCP" and chunk.is_right
        if profiles > 1:
            raise UnreadableImage("broken image: a PNG has one colour profile at most")


def _check_jpeg(data: bytes) -> None:
    """Refuse many scans, and many segments: the time to join EXIF segments grows with the square of their number."""
    scans = 0
    for count, segment in enumerate(jpeg.segments(data), start=1):
        scans += segment.marker == jpeg.SOS
        if scans > JPEG_SCANS:
            raise UnreadableImage(f"takes too long to decode: a JPEG has {JPEG_SCANS} scans at most")
        if count > JPEG_SEGMENTS and segment.marker != jpeg.EOI:
            raise UnreadableImage(f"takes too long to decode: a JPEG has {JPEG_SEGMENTS} segments at most")


def _check_bmp(data: bytes) -> None:
    if len(data) >= 34 and data[14:18] != b"\x0c\0\0\0":  # noqa: PLR2004 - where the compression is said; not in OS/2's
        compression = int.from_bytes(data[30:34], "little")
        if compression not in BMP_COMPRESSIONS:
            raise UnreadableImage("a BMP with run lengths, or with a JPEG or PNG inside, is not read")


def _check_tiff(data: bytes) -> None:
    try:
        compression = tiff.compression(data)
    except tiff.BrokenDirectory as error:
        raise UnreadableImage(f"broken image: a TIFF file, but {error}") from None
    if compression not in tiff.COMPRESSIONS:
        raise UnreadableImage(f"a TIFF with the compression {compression} isn't read; LZW, deflate and JPEG are")
