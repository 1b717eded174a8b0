"""The photographs that a painter learns from: those of its request, then the operator's (NST_PHOTOS)."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from service.decoding import files
from service.machine.memory import PHOTOGRAPHS
from service.pictures import images
from service.pictures.images import Picture, UnreadableImage, fitted_size
from service.pictures.sizes import MIN_SIDE

logger = logging.getLogger(__name__)

HELD_OUT = 8  # one of so many photographs is held out, for the checks
LARGEST = 256 * 2**20  # bytes of a file that is looked at

Source = Callable[[], Picture | None]
"""Decodes a photograph, H x W x 3 uint8; returns None where it can't be used."""


class Photographs:
    """The photographs of a learning, reduced to PHOTOGRAPHS bytes in all.

    Those for the checks and the first ones are decoded at once, the others when they are asked for, while the painter
    learns: else a learning that goes on after other jobs would first decode all of them again.

    Attributes:
        held_out: photographs for the checks, which nothing is learned from; none if there are fewer than HELD_OUT.
        learned: photographs to learn from, as far as they are decoded.
        first: the first ones.

    Args:
        longest: pixels on the long edge to which larger ones are reduced.
        first: how many must be there from the beginning.
        seed: of the order of the others.
    """

    def __init__(self, sources: Sequence[Source], longest: int, first: int, seed: int) -> None:
        self._longest, self._pixels = longest, PHOTOGRAPHS / 3 / max(1, len(sources))
        self._unusable = 0
        held_out = range(0, len(sources), HELD_OUT) if len(sources) >= HELD_OUT else range(0)
        at_once = sorted({*held_out, *range(first)})
        found = {k: picture for k in at_once if (picture := self._decoded(sources[k])) is not None}
        self.held_out = [picture for k, picture in found.items() if k in held_out]
        self.learned = [picture for k, picture in found.items() if k not in held_out]
        self.first = [picture for k, picture in found.items() if k < first]
        self._left = [source for k, source in enumerate(sources) if k not in at_once]
        random.Random(seed).shuffle(self._left)  # noqa: S311 - no secret depends on it
        self._count = len(sources)

    def __len__(self) -> int:
        """Return their number, without those that could not be used."""
        return self._count - self._unusable

    def decode_some(self, seconds: float) -> None:
        """Decode photographs to learn from for so many seconds."""
        until = time.monotonic() + seconds
        while self._left and time.monotonic() < until:
            self.decode_one()

    def decode_one(self) -> None:
        """Decode one more photograph to learn from, if one is left."""
        if self._left and (picture := self._decoded(self._left.pop())) is not None:
            self.learned.append(picture)

    def _decoded(self, source: Source) -> Picture | None:
        picture = source()
        if picture is None:
            self._unusable += 1
            return None
        roomy = math.sqrt(self._pixels / (picture.shape[0] * picture.shape[1]))
        edge = max(picture.shape[:2])
        return images.resize_long_edge(picture, min(self._longest, edge, round(roomy * edge)))


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder by name; none, with a warning in the log, if it can't be read."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        logger.warning("NST_PHOTOS: painters learn without its photographs: %s", error)
        return []


def decode_file(path: Path, size: int, tick: Callable[[], None]) -> Picture | None:
    """Decode a picture file; None, with a warning in the log, if it can't be, or is too narrow at `size` pixels.

    `tick` is called while it is read; an exception that it raises ends the reading.
    """
    try:
        return _wide(files.decode(_read(path), tick), size)
    except (UnreadableImage, OSError) as error:
        logger.warning("NST_PHOTOS: no painter learns from %s: %s", path, error)
        return None


def _wide(picture: Picture, size: int) -> Picture:
    height, width = picture.shape[:2]
    if min(fitted_size(width, height, size)) < MIN_SIDE:
        raise UnreadableImage(f"its short side would be under {MIN_SIDE} pixels at a size of {size}")
    return picture


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise UnreadableImage(f"it is larger than {LARGEST >> 20} MiB")
    return path.read_bytes()
