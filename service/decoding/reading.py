"""Bytes -> pixels with Pillow, in this process: only decoders and tests may do this with untrusted files."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from PIL import AvifImagePlugin, ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from service.decoding.foreign import foreign_format
from service.decoding.formats import PLUGINS, head_of
from service.decoding.mending import mend
from service.decoding.mending.rows import check_last_rows, check_rows
from service.decoding.mending.version import Version
from service.decoding.orientation import SIDEWAYS, orientation_of, turned, upright
from service.decoding.structure import check_structure
from service.decoding.transparency import covered_part, with_meant_alpha
from service.pictures import images
from service.pictures.formats import HAS_HEIC, READABLE
from service.pictures.images import Cutout, Levels, Picture, UnreadableImage
from service.pictures.masks import mask_levels
from service.pictures.sizes import MAX_PIXELS
from service.pictures.srgb import mend_transparent_colour, to_srgb

Read = TypeVar("Read")

MIN_PIXELS = 8  # of an input image's short side
SAMPLE = 64  # pixels along each side of what a check brings to sRGB
PLAIN = ("1", "L", "P", "RGB")  # modes of 8 bits at most
REDUCIBLE = ("L", "RGB", "CMYK")  # modes whose pixels can be averaged as they are
HIGHEST = 2**16 - 1  # level of grey in a TIFF
WHITE_IS_ZERO = 0  # of a TIFF's photometric interpretations

# Pillow's own limit only warns up to twice its value; ours is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a decoder's CPU seconds are counted, and others decode beside it
if HAS_HEIC:
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener(thumbnails=False)


def upright_size(data: bytes) -> tuple[int, int]:
    """Read a whole file; return the picture's width and height in pixels, EXIF orientation applied.

    All pixels are decoded, but only a corner is brought to sRGB: this shows, in a tenth of the time, whether the rest
    can be.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large.
    """

    def measure(image: Image.Image) -> tuple[int, int]:
        is_sideways = orientation_of(image) in SIDEWAYS
        to_srgb(image.crop((0, 0, min(SAMPLE, image.width), min(SAMPLE, image.height))))
        return (image.height, image.width) if is_sideways else image.size

    return _read(data, measure)


def decode(data: bytes) -> Picture:
    """Read a picture as H x W x 3 uint8 sRGB: EXIF orientation and ICC profile applied, alpha laid over white.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large.
    """
    return decode_cutout(data).over_white()


def decode_cutout(data: bytes) -> Cutout:
    """Read a picture's colours and alpha apart. Raises as `decode`."""
    return _read(data, lambda image: _cutout(*to_srgb(upright(image))))


def decode_mask(data: bytes) -> Levels:
    """Read how much each place of a mask counts, H x W uint8: its luminance, or its alpha where it is drawn in that.

    Raises:
        UnreadableImage: as `decode`; or it has transparency and several colours, so that it could mean either.
    """
    return _read(data, lambda image: mask_levels(_cutout(*to_srgb(upright(image)))))


def transcode(data: bytes, format: str, quality: int) -> bytes:
    """Return a picture's file in another format, with its alpha if that format has one, else over white."""
    cutout = decode_cutout(data)
    if format == "jpeg":
        return images.encode(cutout.over_white(), format, quality)
    return images.encode(cutout.colours, format, quality, cutout.alpha)


def lightest(data: bytes) -> int:
    """Return the greatest level of a mask, 0 to 255. Raises as `decode_mask`.

    A colour profile is only applied if there is transparency or more than 8 bits: without it, black is still black.
    """

    def measure(image: Image.Image) -> int:
        if image.mode in PLAIN and not image.has_transparency_data:
            return int(image.convert("L").getextrema()[1])  # type: ignore[arg-type]
        return int(mask_levels(_cutout(*to_srgb(image))).max())

    return _read(data, measure)


def thumbnail(data: bytes) -> bytes:
    """Return a JPEG of at most `images.THUMBNAIL` pixels on its long edge. Raises as `decode`."""

    def shrink(image: Image.Image) -> Picture:
        factor = max(image.size) // (2 * images.THUMBNAIL)
        small = image.reduce(factor) if factor > 1 and image.mode in REDUCIBLE else image
        small.info = image.info
        return _cutout(*to_srgb(turned(small, orientation_of(image)))).over_white()

    picture = _read(data, shrink)
    small = images.resize_long_edge(picture, min(images.THUMBNAIL, max(picture.shape[:2])))
    return images.encode(small, "jpeg", 85)


def _read(data: bytes, finish: Callable[[Image.Image], Read]) -> Read:
    check_structure(data)
    error: Exception | None = None
    for version in mend.versions(data):
        try:
            return finish(_loaded(version))
        except (UnreadableImage, MemoryError):
            raise
        except Exception as problem:  # noqa: BLE001 - over a broken file Pillow raises nearly anything
            error = error or problem
    raise UnreadableImage(_problem(data, error))


def _loaded(version: Version) -> Image.Image:
    """Return the whole picture of a file. Raises UnreadableImage if rows are missing, and whatever Pillow raises.

    Without a palette, Pillow crops a picture of colour numbers, but can't bring it to sRGB.
    """
    image = Image.open(io.BytesIO(version.data), formats=PLUGINS)
    _check_size(*image.size)
    covered = covered_part(image)
    image.load()
    if image.mode == "P" and image.palette is None:
        raise ValueError("it has no palette")
    if image.mode == "F":
        raise UnreadableImage("pixels of floating point numbers aren't read")
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode.startswith("I"):
        _mend_grey(image)
    if version.other is not None:
        check_rows(image, version.other)
    if image.format == "PNG":
        check_last_rows(image, version.data)
    mend_transparent_colour(image, version.data)
    return with_meant_alpha(image, covered)


def _mend_grey(image: TiffImagePlugin.TiffImageFile) -> None:
    """Make white the highest level of a TIFF in grey of 16 bits, which Pillow leaves as the file has it.

    Raises UnreadableImage if its levels need more bits.
    """
    low, high = image.getextrema()
    if low < 0 or high > HIGHEST:  # type: ignore[operator]
        raise UnreadableImage(f"its levels of grey go from {low} to {high}; 0 to {HIGHEST} are read")
    white_is_zero = image.tag_v2.get(ExifTags.Base.PhotometricInterpretation, WHITE_IS_ZERO) == WHITE_IS_ZERO
    if white_is_zero and image.mode != "I":
        image.im = image.im.point_transform(-1, HIGHEST)


def _problem(data: bytes, error: Exception | None) -> str:
    """Return why a file can't be read, in words for people."""
    if not data:
        return "is empty: a file without a byte"
    format = head_of(data).format
    if format is None:
        foreign = foreign_format(data)
        what = f"in the format {foreign}, which isn't read" if foreign else "not an image that can be read"
        what += " without pillow-heif" if foreign == "HEIC" else ""
        return f"{what} (known formats: {', '.join(READABLE)})"
    why = mend.why_broken(data) or _decoders_problem(error)
    return f"broken image: {'an' if format == 'AVIF' else 'a'} {format} file, but {why}"


def _decoders_problem(error: Exception | None) -> str:
    """Return what is wrong with a file, of which only Pillow's error is known.

    Those of its decoders (OSError) are for programmers, as in "decoder error -2".
    """
    if error is None or isinstance(error, UnidentifiedImageError):
        return "damaged in its header"
    if isinstance(error, OSError):
        return "its pixels are damaged: they can't be decoded"
    return str(error).strip() or type(error).__name__


def _cutout(colours: Image.Image, alpha: Image.Image | None) -> Cutout:
    if alpha is None or alpha.getextrema() == (255, 255):
        return Cutout(np.asarray(colours), None)
    return Cutout(np.asarray(colours), np.asarray(alpha))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels are too many; at most {MAX_PIXELS:,} in all are read")
    if min(width, height) < MIN_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels are too few; each side needs at least {MIN_PIXELS}")
