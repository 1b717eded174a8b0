"""make gallery: have a new service paint photographs in each of its starters, and put them side by side."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator

from PIL import Image, ImageDraw
from skimage import data

from scripts.client import ROOT, get, running_service, transfer, wait_for_starters
from service.styles.starters.loading import STARTERS, Starter

OUT = ROOT / "docs" / "starters.jpg"
PHOTOGRAPHS = ("coffee", "chelsea", "astronaut")
SIZE = 512  # pixels, long edge of what is painted
CELL = (264, 198)
INSET = 72  # pixels, of the starter's own picture in the corner
COLUMNS, GAP, LINE = 5, 6, 22
QUALITY = 82


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="long edge of what is painted, in pixels")
    size = parser.parse_args().size
    photographs = [cropped(Image.fromarray(getattr(data, name)())) for name in PHOTOGRAPHS]
    with running_service(ROOT / "demo") as url:
        cells = [cell(starter, picture) for starter, picture in painted(url, photographs, size)]
    sheet(cells).save(OUT, quality=QUALITY, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")
    return 0


def painted(url: str, photographs: list[Image.Image], size: int) -> Iterator[tuple[Starter, Image.Image]]:
    """Return each starter with a photograph painted in it; the photographs take turns."""
    wait_for_starters(url)
    for i, starter in enumerate(STARTERS):
        request = {"content": "file:photo", "styles": [{"preset": starter.name}], "size": size}
        job = transfer(url, request, {"photo": photographs[i % len(photographs)]}, starter.name)
        yield starter, Image.open(io.BytesIO(get(url + job["links"]["image"]).content)).convert("RGB")


def cropped(photograph: Image.Image) -> Image.Image:
    """Cut out a picture's middle, as wide and high as a cell."""
    width = min(photograph.width, photograph.height * CELL[0] // CELL[1])
    height = width * CELL[1] // CELL[0]
    left, top = (photograph.width - width) // 2, (photograph.height - height) // 3
    return photograph.crop((left, top, left + width, top + height))


def cell(starter: Starter, picture: Image.Image) -> Image.Image:
    """Draw a cell: the painted photograph, the starter's own picture in its corner, its name below."""
    whole = Image.new("RGB", (CELL[0], CELL[1] + LINE), "white")
    whole.paste(picture.resize(CELL, Image.Resampling.LANCZOS))
    own = Image.open(starter.picture).resize((INSET, INSET), Image.Resampling.LANCZOS)
    whole.paste("white", (CELL[0] - INSET - 4, CELL[1] - INSET - 4, *CELL))
    whole.paste(own, (CELL[0] - INSET, CELL[1] - INSET))
    ImageDraw.Draw(whole).text((2, CELL[1] + 3), starter.name, fill="#222222", font_size=14)
    return whole


def sheet(cells: list[Image.Image]) -> Image.Image:
    """Put the cells in rows."""
    width, height = cells[0].width + GAP, cells[0].height + GAP
    rows = -(-len(cells) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * width - GAP, rows * height - GAP), "white")
    for i, one in enumerate(cells):
        whole.paste(one, (i % COLUMNS * width, i // COLUMNS * height))
    return whole


if __name__ == "__main__":
    sys.exit(main())
