"""The contact sheet: each starter, and three photographs by its painter, refined by 10 iterations, and optimised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.painters.paintings import METHODS, OPTIMISER, Paintings
from bench.painters.photographs import held_out
from bench.painters.plan import Plan
from service.styles.starters.loading import Starter

PHOTOGRAPHS = ("tubingen", "astronaut", "coffee")
FALLBACKS = ("chelsea", "rocket")  # where one of them isn't there
SIZE = 512  # pixels on the long edge of what is painted
CELL = (216, 162)  # pixels
LABEL, GAP = 18, 4  # pixels
QUALITY = 75


def draw(plan: Plan, file: Path) -> None:
    """Paint what isn't painted yet, and write the sheet as a JPEG."""
    photographs = held_out()
    names = [name for name in (*PHOTOGRAPHS, *FALLBACKS) if name in photographs][: len(PHOTOGRAPHS)]
    size = SIZE if SIZE in plan.pairs else min(plan.pairs)
    paintings = Paintings(plan, photographs)
    methods = [*METHODS, OPTIMISER]
    starters = plan.starters()[: plan.rows]
    begin = CELL[1] + GAP  # the starter's own picture, which is square, comes first
    width = begin + len(names) * len(methods) * (CELL[0] + GAP)
    sheet = Image.new("RGB", (width, LABEL + len(starters) * (CELL[1] + LABEL + GAP)), "white")
    for column in range(len(names) * len(methods)):
        _write(sheet, methods[column % len(methods)], begin + column * (CELL[0] + GAP), 0)
    for row, starter in enumerate(starters):
        top = LABEL + row * (CELL[1] + LABEL + GAP)
        _write(sheet, starter.name, 0, top)
        own = Image.open(starter.picture).convert("RGB").resize((CELL[1], CELL[1]), Image.Resampling.LANCZOS)
        sheet.paste(own, (0, top + LABEL))
        for column, picture in enumerate(_row(paintings, starter, names, methods, size)):
            sheet.paste(picture, (begin + column * (CELL[0] + GAP), top + LABEL))
        print(f"  {starter.name}", flush=True)
    sheet.save(file, quality=QUALITY, optimize=True)


def _row(
    paintings: Paintings, starter: Starter, names: list[str], methods: list[str], size: int
) -> list[Image.Image]:
    pictures = [paintings.paint(method, starter, name, size)[1] for name in names for method in methods]
    return [_cell(Image.fromarray(np.asarray(picture))) for picture in pictures]


def _cell(picture: Image.Image) -> Image.Image:
    """Cut out the middle of a picture, with the proportions of a cell."""
    width = min(picture.width, picture.height * CELL[0] // CELL[1])
    height = width * CELL[1] // CELL[0]
    left, top = (picture.width - width) // 2, (picture.height - height) // 3
    return picture.crop((left, top, left + width, top + height)).resize(CELL, Image.Resampling.LANCZOS)


def _write(sheet: Image.Image, text: str, left: int, top: int) -> None:
    ImageDraw.Draw(sheet).text((left + 2, top + 2), text, fill="#222222", font=ImageFont.load_default(LABEL - 5))
