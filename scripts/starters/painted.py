"""make starter-samples: cut a photograph painted in each starter out of docs/starters.jpg, for the studio's shelf."""

from __future__ import annotations

import sys

from PIL import Image

from scripts.gallery import CELL, COLUMNS, GAP, INSET, LINE, OUT
from service.styles.starters.loading import STARTERS, Starter

SIDE = CELL[0] - INSET - 4  # pixels: what is left of the starter's own picture in the corner
QUALITIES, MAX_BYTES = (75, 65, 55), 15_000  # the first quality that fits is used


def main() -> int:
    sheet = Image.open(OUT)
    for i, starter in enumerate(STARTERS):
        write(cut(sheet, i), starter)
    return 0


def cut(sheet: Image.Image, i: int) -> Image.Image:
    """Return a square of the painted photograph in cell `i` of the sheet that make gallery writes."""
    left, top = i % COLUMNS * (CELL[0] + GAP), i // COLUMNS * (CELL[1] + LINE + GAP)
    return sheet.crop((left, top, left + SIDE, top + SIDE))


def write(picture: Image.Image, starter: Starter) -> None:
    starter.painted.parent.mkdir(exist_ok=True)
    for quality in QUALITIES:
        picture.save(starter.painted, quality=quality, method=6)
        if starter.painted.stat().st_size <= MAX_BYTES:
            break
    print(f"{starter.painted}: {starter.painted.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    sys.exit(main())
