"""The pairs of a content and a style image for all measurements."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from skimage import data

from scripts.starters import strokes
from service.decoding import files
from service.pictures import images
from service.pictures.images import Picture

PAINTED_SIZE = 768  # pixels, of a style that scripts.starters.strokes draws
OWN = {"coffee": 7, "astronaut": 8, "chelsea": 9, "rocket": 10}  # photograph of skimage -> seed of the painting
CLASSICS = {
    "tubingen-starry-night": ("tubingen.jpg", "starry_night.jpg"),
    "golden-gate-scream": ("golden_gate.jpg", "the_scream.jpg"),
    "tubingen-shipwreck": ("tubingen.jpg", "shipwreck.jpg"),
    "golden-gate-seated-nude": ("golden_gate.jpg", "seated-nude.jpg"),
}
"""Pairs of files in the folder that BENCH_IMAGES names."""


@dataclass(frozen=True)
class Pair:
    """A content and a style image, each H x W x 3 uint8."""

    content: Picture
    style: Picture

    def at(self, size: int) -> Pair:
        """Return the pair with `size` pixels on each long edge."""
        return Pair(images.resize_long_edge(self.content, size), images.resize_long_edge(self.style, size))

    @contextmanager
    def files(self) -> Iterator[tuple[Path, Path]]:
        """Write both pictures as PNG files that live as long as the context."""
        with TemporaryDirectory() as folder:
            content, style = Path(folder, "content.png"), Path(folder, "style.png")
            content.write_bytes(images.encode(self.content))
            style.write_bytes(images.encode(self.style))
            yield content, style


def names() -> list[str]:
    """Return the names of the pairs: our own, and the classics if BENCH_IMAGES is a folder that has them."""
    return list(_sources())


def pair(name: str) -> Pair:
    """Return the pictures of a pair, in the sizes of their files."""
    return _sources()[name]()


def _sources() -> dict[str, Callable[[], Pair]]:
    sources: dict[str, Callable[[], Pair]] = {name: partial(_own, name) for name in OWN}
    folder = os.environ.get("BENCH_IMAGES", "")
    for name, names in CLASSICS.items() if folder else ():
        content, style = (Path(folder, file) for file in names)
        if content.is_file() and style.is_file():
            sources[name] = partial(_classic, content, style)
    return sources


def _own(name: str) -> Pair:
    return Pair(np.asarray(getattr(data, name)()), np.asarray(strokes.draw(PAINTED_SIZE, OWN[name])))


def _classic(content: Path, style: Path) -> Pair:
    return Pair(files.decode(content.read_bytes()), files.decode(style.read_bytes()))
