"""make starters: draw the presets that a new service begins with, into service/styles/starters."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from scripts.starters import dots, glass, ink, linocut, mosaic, risograph, strokes, watercolour, waves, woven
from service.styles.starters.loading import STARTERS

MODULES = (dots, glass, ink, linocut, mosaic, risograph, strokes, watercolour, waves, woven)
DRAWN: dict[str, Callable[[int, int], Image.Image]] = {
    module.__name__.rpartition(".")[2]: module.draw for module in MODULES
}
SEEDS = {"strokes": 7}  # 1 for all others
SIZE = 896
QUALITY = 70


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which of them; all by default")
    names = parser.parse_args().names
    for starter in STARTERS:
        if not names or starter.name in names:
            write(draw(starter.name, SIZE), starter.picture)
    return 0


def draw(name: str, size: int) -> Image.Image:
    """Draw a starter's picture, `size` pixels square; every call gives the same one."""
    return DRAWN[name](size, SEEDS.get(name, 1))


def write(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=QUALITY, method=6)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
