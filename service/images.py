"""Bytes <-> RGB arrays: what is read, how it is brought to a size, how it is written.

A picture inside the service is an H x W x 3 uint8 array of sRGB values in [0, 255].
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from service.srgb import PROFILE, has_one_profile, mend_transparent_colour, to_srgb

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
"""H x W in [0, 1]: how much each place counts."""
Alpha = npt.NDArray[np.uint8]
"""H x W in [0, 255]: how much of each place there is to see."""

Read = TypeVar("Read")

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # what Pillow decodes without a history of unsafe parsers
MAX_PIXELS = 64_000_000  # of an input image
MIN_PIXELS = 8  # of an input image's short side
RENDITION = "2"  # raise it when the same file starts to give other pixels: it is part of the Gram cache's key
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
STARTS = {b"\x89PNG": "image/png", b"RIFF": "image/webp", b"GIF8": "image/gif", b"BM": "image/bmp"}
SENT_TYPES = (*STARTS.values(), "image/jpeg")
THUMBNAIL = 256  # pixels, long edge
TURNS = {  # EXIF orientation -> what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_decoders = threading.BoundedSemaphore(2)  # a decoded picture takes up to a GB: requests take turns

# Pillow's own limit only warns up to twice its value; ours is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None


class UnreadableImage(ValueError):
    """The bytes are not an image that can be used; the message says why."""


@dataclass(frozen=True)
class ImageFile:
    """An image as it came: the file's bytes, checked to be readable.

    Attributes:
        width, height: pixels, after EXIF orientation.
        sha256: of the bytes.
    """

    data: bytes
    width: int
    height: int
    sha256: str


@dataclass(frozen=True, eq=False)
class Cutout:
    """A picture with its transparency.

    Attributes:
        colours: H x W x 3, not mixed with anything that lies beneath.
        alpha: None where all of it is opaque.
    """

    colours: Picture
    alpha: Alpha | None

    def over_white(self) -> Picture:
        if self.alpha is None:
            return self.colours
        paper = Image.new("RGB", self.alpha.shape[::-1], "white")
        paper.paste(Image.fromarray(self.colours), mask=Image.fromarray(self.alpha))
        return np.asarray(paper)


def check_image(data: bytes) -> ImageFile:
    """Reads an image once through, so that whoever uses it later can count on it.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large.
    """
    picture = decode(data)
    height, width = picture.shape[:2]
    return ImageFile(data, width, height, digest(data))


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def media_type_of(data: bytes) -> str:
    """The media type of an image that `check_image` has let through, by how its file begins."""
    return next((media_type for start, media_type in STARTS.items() if data.startswith(start)), "image/jpeg")


def decode(data: bytes) -> Picture:
    """File bytes -> H x W x 3 uint8 sRGB: EXIF orientation and ICC profile applied, alpha laid over white.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large.
    """
    return _read(data, Cutout.over_white)


def decode_cutout(data: bytes) -> Cutout:
    """The same with the alpha apart. Raises as `decode`."""
    return _read(data, lambda cutout: cutout)


def _read(data: bytes, finish: Callable[[Cutout], Read]) -> Read:
    if not has_one_profile(data):
        raise UnreadableImage("broken image: a PNG has one colour profile at most")
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            _check_size(*image.size)
            with _decoders:
                image.load()
                mend_transparent_colour(image, data)
                return finish(_cutout(*to_srgb(_upright(image))))
    except (UnreadableImage, MemoryError):
        raise
    except UnidentifiedImageError:
        known = ", ".join(READABLE)
        raise UnreadableImage(f"not an image that can be read (known formats: {known})") from None
    except Exception as error:  # over a broken file Pillow raises nearly anything
        raise UnreadableImage(f"broken image: {error}") from error


def _cutout(colours: Image.Image, alpha: Image.Image | None) -> Cutout:
    if alpha is None or alpha.getextrema() == (255, 255):
        return Cutout(np.asarray(colours), None)
    return Cutout(np.asarray(colours), np.asarray(alpha))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels are too many; at most {MAX_PIXELS:,} in all are read")
    if min(width, height) < MIN_PIXELS:
        raise UnreadableImage(f"{width} x {height} pixels are too few; each side needs at least {MIN_PIXELS}")


def _upright(image: Image.Image) -> Image.Image:
    # Not ImageOps.exif_transpose: that also writes the EXIF anew, which fails where a tag has the wrong type.
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF, over which Pillow raises nearly anything, turns nothing
        turn = None
    return image if turn is None else image.transpose(turn)


def fitted_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with `size` pixels on the long edge, aspect kept."""
    scale = size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(picture: Picture, width: int, height: int) -> Picture:
    """H x W x 3 uint8 -> height x width x 3 uint8, antialiased; the same pixels if it has that size already."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def decode_mask(data: bytes) -> Mask:
    """File bytes -> H x W in [0, 1]: the luminance, black 0 and white 1.

    Raises:
        UnreadableImage: as `decode`.
    """
    return np.asarray(Image.fromarray(decode(data)).convert("L"), np.float32) / np.float32(255)


def resize_mask(mask: Mask, width: int, height: int) -> Mask:
    """H x W -> height x width, antialiased; the same values if it has that size already."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)


def resize_long_edge(picture: Picture, size: int) -> Picture:
    """Brings the long edge to `size` pixels, aspect kept."""
    return resize(picture, *fitted_size(picture.shape[1], picture.shape[0], size))


def cover(picture: Picture, width: int, height: int) -> Picture:
    """Fills height x width with the middle of the picture, aspect kept."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(ImageOps.fit(Image.fromarray(picture), (width, height), Image.Resampling.LANCZOS))


def encode(picture: Picture, format: str = "png", quality: int = 90, alpha: Alpha | None = None) -> bytes:
    """H x W x 3 uint8 -> a file of `format` (a key of MEDIA_TYPES); `quality` counts for JPEG and WebP.

    It says that its colours are sRGB, and nothing else. A JPEG has no alpha.
    """
    return encode_image(Image.fromarray(picture if alpha is None else np.dstack([picture, alpha])), format, quality)


def encode_image(image: Image.Image, format: str, quality: int) -> bytes:
    """As `encode`, for an RGB or RGBA image of Pillow's."""
    tag = PngImagePlugin.PngInfo()
    tag.add(b"sRGB", b"\0")  # perceptual
    buffer = io.BytesIO()
    settings: dict[str, Any] = {
        "png": {"compress_level": 4, "pnginfo": tag},
        "jpeg": {"quality": quality, "subsampling": 0, "icc_profile": PROFILE},
        "webp": {"quality": quality, "icc_profile": PROFILE},
    }[format]
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def transcode(data: bytes, format: str, quality: int) -> bytes:
    """A picture's file -> one of another format; alpha is kept where that has any, and else laid over white."""
    cutout = decode_cutout(data)
    if format == "jpeg":
        return encode(cutout.over_white(), format, quality)
    return encode(cutout.colours, format, quality, cutout.alpha)


def thumbnail(data: bytes) -> bytes:
    """File bytes -> a JPEG of at most THUMBNAIL pixels on its long edge."""
    picture = decode(data)
    return encode(resize_long_edge(picture, min(THUMBNAIL, max(picture.shape[:2]))), "jpeg", 85)
