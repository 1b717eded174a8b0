"""Rows that a file lacks, though Pillow may read it without complaint."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from service.decoding.formats import PLUGINS
from service.decoding.mending import jpeg, png
from service.pictures.images import UnreadableImage

LAST = 2  # rows in which missing pixels of a PNG show, interlaced or not

Samples = npt.NDArray[np.generic]


def check_rows(image: Image.Image, other: bytes) -> None:
    """Refuse a picture that looks otherwise if its file ends otherwise: then its own last pixels are missing.

    Raises:
        UnreadableImage: it says how much is there.
    """
    seen, differing = np.asarray(image), _samples(other)
    if differing is not None and np.array_equal(seen, differing):
        return
    if jpeg.is_progressive(other):
        raise _broken(image, "it is cut off within its last pass")
    rows = _rows_with_more(seen) if differing is None else _equal_rows(seen, differing)
    raise _broken(image, f"it is cut off: {share_of_rows(rows, len(seen))}")


def check_last_rows(image: Image.Image, data: bytes) -> None:
    """Refuse a PNG that ends in an orderly way before all of its rows: Pillow leaves the others black.

    Raises:
        UnreadableImage: it says how much is there.
    """
    last = np.asarray(image.crop((0, image.height - LAST, image.width, image.height)))
    if last.reshape(LAST, -1).any(axis=1).all():
        return
    pixels = png.unpacked(data)
    if pixels.found < pixels.expected:
        raise _broken(image, f"it is cut off: {pixels.share} of its pixels are there")


def rows_there(data: bytes) -> str | None:
    """Return how many rows of a cut file can be read; None if none can."""
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        seen = _samples(data)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    return None if seen is None else share_of_rows(_rows_with_more(seen), len(seen))


def share_of_rows(rows: int, of: int) -> str:
    """Return words for a number of rows, which are less than all."""
    rows = min(rows, of - 1)
    return f"{rows} of its {of} rows are there ({100 * rows // of} %)"


def _samples(data: bytes) -> Samples | None:
    """Return a file's pixels as they are in it; None if Pillow can't read them."""
    try:
        return np.asarray(Image.open(io.BytesIO(data), formats=PLUGINS))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - over a broken file Pillow raises nearly anything
        return None


def _equal_rows(seen: Samples, other: Samples) -> int:
    equal = (seen == other).reshape(len(seen), -1).all(axis=1)
    return int(np.argmin(equal))


def _rows_with_more(seen: Samples) -> int:
    """Return how many rows have more than one colour: what is missing has only one, in whatever order rows come."""
    flat = seen.reshape(len(seen), seen.shape[1], -1)
    return int((flat != flat[:, :1]).any(axis=(1, 2)).sum())


def _broken(image: Image.Image, why: str) -> UnreadableImage:
    format = "JPEG" if image.format == "MPO" else image.format
    return UnreadableImage(f"broken image: a {format} file, but {why}")
