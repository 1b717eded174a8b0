"""The operator's photographs (NST_PHOTOS), from which painters learn beside those of a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from service.decoding import files
from service.pictures.images import Picture, UnreadableImage, fitted_size
from service.pictures.sizes import MIN_SIDE

logger = logging.getLogger(__name__)

LARGEST = 256 * 2**20  # bytes of a file that is looked at


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder by name; none, with a warning in the log, if it can't be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        logger.warning("NST_PHOTOS: painters learn without its photographs: %s", error)
        return []


def decoded(paths: Sequence[Path], size: int, tick: Callable[[], None]) -> Iterator[Picture]:
    """Decode picture files, H x W x 3 uint8 each; others are left out, with a warning in the log.

    So are pictures that would be too narrow with `size` pixels on the long edge.

    `tick` is called while a picture is read; an exception that it raises ends the reading.
    """
    for path in paths:
        try:
            yield _wide(files.decode(_read(path), tick), size)
        except (UnreadableImage, OSError) as error:
            logger.warning("NST_PHOTOS: no painter learns from %s: %s", path, error)


def _wide(picture: Picture, size: int) -> Picture:
    height, width = picture.shape[:2]
    if min(fitted_size(width, height, size)) < MIN_SIDE:
        raise UnreadableImage(f"its short side would be under {MIN_SIDE} pixels at a size of {size}")
    return picture


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise UnreadableImage(f"it is larger than {LARGEST >> 20} MiB")
    return path.read_bytes()
