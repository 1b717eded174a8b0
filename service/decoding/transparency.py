"""Transparency that Pillow misses, or sees where none is meant."""

from __future__ import annotations

from PIL import Image

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge of a part of a picture, in pixels."""
OPAQUE = 255


def covered_part(image: Image.Image) -> Box | None:
    """Return the part of a GIF's screen that its first picture covers, None for other formats.

    Pillow knows it until the picture is loaded.
    """
    return image.tile[0].extents if image.format == "GIF" and image.tile else None  # type: ignore[attr-defined]


def with_meant_alpha(image: Image.Image, covered: Box | None) -> Image.Image:
    """Return a loaded picture with the transparency that is meant.

    A BMP whose alpha is 0 everywhere is opaque: programs write zeros where they mean no alpha. What a GIF's first
    picture doesn't cover is transparent, as in browsers.
    """
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    if covered in (None, (0, 0, *image.size)) or image.has_transparency_data:
        return image
    alpha = Image.new("L", image.size)
    alpha.paste(OPAQUE, covered)
    clear = image.convert("RGBA")
    clear.putalpha(alpha)
    return clear
