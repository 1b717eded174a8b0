"""RGB arrays: resizing and encoding. service.decoding reads the files.

A picture inside the service is an H x W x 3 uint8 array of sRGB values in [0, 255].
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, PngImagePlugin

from service.pictures.srgb import PROFILE

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
"""H x W in [0, 1]: how much each place counts."""
Levels = npt.NDArray[np.uint8]
"""H x W in [0, 255]: luminance."""
Alpha = npt.NDArray[np.uint8]
"""H x W in [0, 255]: the opacity of each place."""

RENDITION = "3"  # raise it when the same file starts to give other pixels: it is part of the Gram cache's key
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
FORMATS = {media_type: format for format, media_type in MEDIA_TYPES.items()}
THUMBNAIL = 256  # pixels, long edge


class UnreadableImage(ValueError):
    """Bytes that are no usable image; the message says why."""


@dataclass(frozen=True)
class ImageFile:
    """An image as it came: the file's bytes, checked to be readable.

    Attributes:
        width, height: pixels, after EXIF orientation.
        sha256: of the bytes.
        name: the file name that it came with, made safe; empty if it came without one.
    """

    data: bytes
    width: int
    height: int
    sha256: str
    name: str = ""

    def read(self) -> bytes:
        """Return the file's bytes."""
        return self.data


@dataclass(frozen=True, eq=False)
class Cutout:
    """A picture with its transparency.

    Attributes:
        colours: H x W x 3, not mixed with a background.
        alpha: None if the picture is opaque everywhere.
    """

    colours: Picture
    alpha: Alpha | None

    def over_white(self) -> Picture:
        if self.alpha is None:
            return self.colours
        paper = Image.new("RGB", self.alpha.shape[::-1], "white")
        paper.paste(Image.fromarray(self.colours), mask=Image.fromarray(self.alpha))
        return np.asarray(paper)


def digest(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def fitted_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Return width and height with `size` pixels on the long edge, aspect kept."""
    scale = size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize(picture: Picture, width: int, height: int) -> Picture:
    """Bring a picture to height x width, antialiased; a picture that already has that size is returned as it is."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def resize_mask(mask: Mask, width: int, height: int) -> Mask:
    """Bring a mask to height x width, antialiased; a mask that already has that size is returned as it is."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)


def resize_long_edge(picture: Picture, size: int) -> Picture:
    """Bring the long edge to `size` pixels, aspect kept."""
    return resize(picture, *fitted_size(picture.shape[1], picture.shape[0], size))


def cover(picture: Picture, width: int, height: int) -> Picture:
    """Fill height x width with the middle of the picture, aspect kept."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(ImageOps.fit(Image.fromarray(picture), (width, height), Image.Resampling.LANCZOS))


def encode(picture: Picture, format: str = "png", quality: int = 90, alpha: Alpha | None = None) -> bytes:
    """Write a picture as a file of `format` (a key of MEDIA_TYPES); `quality` counts for JPEG and WebP.

    The file says that its colours are sRGB; it has no other metadata. A JPEG has no alpha.
    """
    return encode_image(Image.fromarray(picture if alpha is None else np.dstack([picture, alpha])), format, quality)


def encode_image(image: Image.Image, format: str, quality: int) -> bytes:
    """Write an RGB or RGBA image of Pillow's as `encode` does."""
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
