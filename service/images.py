"""Bytes <-> RGB arrays: what is read, how it is brought to a size, how it is written.

A picture inside the service is an H x W x 3 uint8 array of sRGB values in [0, 255].
"""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]
"""H x W in [0, 1]: how much each place counts."""

READABLE = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # what Pillow decodes without a history of unsafe parsers
MAX_PIXELS = 64_000_000  # of an input image
MIN_PIXELS = 8  # of an input image's short side
RENDITION = "1"  # raise it when the same file starts to give other pixels: it is part of the Gram cache's key
MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
SENT_TYPES = tuple(f"image/{name.lower()}" for name in READABLE)
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

FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)

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
    """The media type of an image that `check_image` has let through."""
    with Image.open(io.BytesIO(data), formats=READABLE) as image:
        return f"image/{str(image.format).lower()}"


def decode(data: bytes) -> Picture:
    """File bytes -> H x W x 3 uint8 sRGB: EXIF orientation and ICC profile applied, alpha laid over white.

    Raises:
        UnreadableImage: not an image, truncated, too small or too large.
    """
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            _check_size(*image.size)
            with _decoders:
                image.load()
                return np.asarray(_to_srgb(_upright(image)))
    except (UnreadableImage, MemoryError):
        raise
    except UnidentifiedImageError:
        known = ", ".join(READABLE)
        raise UnreadableImage(f"not an image that can be read (known formats: {known})") from None
    except Exception as error:  # over a broken file Pillow raises nearly anything
        raise UnreadableImage(f"broken image: {error}") from error


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


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's convert() would clip instead of scale
        image = Image.fromarray(FROM_16_BITS[np.clip(np.asarray(image), 0, 65535)])
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    elif image.mode == "P":
        image = image.convert("RGB")  # a profile speaks of the palette's colours
    if profile and image.mode in ("RGB", "L", "CMYK"):
        image = _apply_profile(image, profile)
    return image.convert("RGB")


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image  # a profile that does not fit its image says nothing about the colours: they count as sRGB
    return converted or image


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


def encode(picture: Picture, format: str = "png", quality: int = 90) -> bytes:
    """H x W x 3 uint8 -> a file of `format` (a key of MEDIA_TYPES); `quality` counts for JPEG and WebP."""
    return encode_image(Image.fromarray(picture), format, quality)


def encode_image(image: Image.Image, format: str, quality: int) -> bytes:
    """As `encode`, for an RGB image of Pillow's."""
    buffer = io.BytesIO()
    settings = {"png": {"compress_level": 4}, "jpeg": {"quality": quality, "subsampling": 0},
                "webp": {"quality": quality}}[format]  # fmt: skip
    image.save(buffer, format, **settings)
    return buffer.getvalue()


def thumbnail(data: bytes) -> bytes:
    """File bytes -> a JPEG of at most THUMBNAIL pixels on its long edge."""
    picture = decode(data)
    return encode(resize_long_edge(picture, min(THUMBNAIL, max(picture.shape[:2]))), "jpeg", 85)
