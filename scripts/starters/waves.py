"""Printed waves: rows of rings over rings in indigo, as on old Japanese cloth, with a red sun behind some."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from scripts.starters.drawing import clouds

BLUES = (("#10254a", "#f3ecd9"), ("#1f4e86", "#f3ecd9"), ("#4d8fb8", "#10254a"), ("#a9cfd2", "#10254a"))
OTHERS = (("#c8382e", "#f3ecd9"), ("#e8b85a", "#10254a"))
OUTLINE = "#0c1830"
ACROSS = 8
RINGS = 2


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (2 * size, 2 * size), BLUES[0][0])
    brush = ImageDraw.Draw(canvas)
    field = clouds(rng, 64, 3)
    step = 2 * size / ACROSS
    for row in range(-2, 4 * ACROSS + 3):
        for column in range(-1, ACROSS + 2):
            x, y = (column + 0.5 * (row % 2)) * step, 0.25 * row * step
            level = field[int(np.clip(32 * y / size, 0, 63)), int(np.clip(32 * x / size, 0, 63))]
            _scale(brush, x + rng.normal(0, 0.02) * step, y, 0.5 * step, _inks(level, rng))
    return canvas.reduce(2)


def _inks(level: float, rng: np.random.Generator) -> tuple[str, str]:
    if rng.random() < 0.12:
        return OTHERS[int(rng.integers(len(OTHERS)))]
    return BLUES[int(np.clip(level * len(BLUES) + rng.normal(0, 0.4), 0, len(BLUES) - 1))]


def _scale(brush: ImageDraw.ImageDraw, x: float, y: float, radius: float, inks: tuple[str, str]) -> None:
    """Draw one wave: rings within rings; the next row covers their lower half."""
    for ring in range(2 * RINGS, 0, -1):
        r = radius * ring / (2 * RINGS)
        outline = OUTLINE if ring == 2 * RINGS else None
        brush.ellipse((x - r, y - r, x + r, y + r), inks[ring % 2], outline, max(1, round(radius / 9)))
