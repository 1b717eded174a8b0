"""Conversion of all colours that a file may hold to sRGB, and of its transparency to an alpha channel.

Colours and transparency are converted separately, because a profile describes the colours in the file, not those that
they give over white.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)
DATE = slice(24, 36)  # where a profile says when it was made
PNG_DEPTH = 24  # where a PNG's header says how many bits a sample has

# Limit of a PNG's unpacked profile. Pillow's own, 1 MiB, refuses pictures with the large tables of some scanners.
PngImagePlugin.MAX_TEXT_CHUNK = 16 * 2**20


def _srgb_profile() -> bytes:
    """Return the profile of sRGB, always in the same bytes, so that the same pixels give the same file."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[DATE] = (2000).to_bytes(2) + bytes((0, 1, 0, 1, 0, 0, 0, 0, 0, 0))  # the first of January 2000
    return bytes(profile)


PROFILE = _srgb_profile()
"""The profile that marks the colours of a JPEG or WebP file as sRGB; 588 bytes."""


def mend_transparent_colour(image: Image.Image, head: bytes) -> None:
    """Scale the colour that a PNG declares transparent to 8 bits, as Pillow has done with the pixels.

    Grey of 16 bits stays as it is, because Pillow keeps all bits of it.
    """
    key = image.info.get("transparency")
    depth = head[PNG_DEPTH] if image.format == "PNG" else 8
    if isinstance(key, tuple) and depth == 16:  # noqa: PLR2004
        image.info["transparency"] = tuple(value >> 8 for value in key)
    elif isinstance(key, int) and image.mode == "L" and depth < 8:  # noqa: PLR2004
        image.info["transparency"] = key * 255 // (2**depth - 1)


def to_srgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return an image's colours as RGB, and its alpha as L where it has any."""
    profile = image.info.get("icc_profile")
    colours, alpha = _apart(image)
    if profile and profile != PROFILE:
        colours = _apply_profile(colours, profile)
    return colours.convert("RGB"), alpha


def _apart(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return colours of 8 bits as L, RGB or CMYK, and alpha."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    is_grey = image.mode in ("1", "L", "LA")
    alpha = None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        return image.convert("L") if is_grey else rgba.convert("RGB"), alpha
    if image.mode == "CMYK":
        return image, None
    return image.convert("L" if is_grey else "RGB"), None


def _from_16_bits(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Scale grey of 16 bits, which Pillow's convert() would clip."""
    levels, key = np.asarray(image), image.info.get("transparency")
    colours = Image.fromarray(FROM_16_BITS[np.clip(levels, 0, 65535)])
    return colours, Image.fromarray(np.where(levels == key, 0, 255).astype(np.uint8)) if key is not None else None


def _apply_profile(colours: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return colours  # a profile that does not fit its image says nothing about the colours; they are taken as sRGB
    return converted or colours
