"""Helpers for tests of pictures: files that are to be turned, and how far two pictures are apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from picture_files import encoded
from PIL import Image


def far(picture: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two pictures in levels."""
    return float(np.abs(picture.astype(int) - other).mean())


def exif_file(picture: np.ndarray, orientation: int, format: str = "PNG", **tags: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for tag, value in tags.items():
        exif[int(tag.removeprefix("tag_"), 16)] = value
    return encoded(picture, format, exif=exif)
