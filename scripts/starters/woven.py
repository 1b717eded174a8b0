"""A tapestry: stitches of thick dyed wool, each row half a stitch aside, in lozenges."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scripts.starters.drawing import Floats, Indices, canvas, noise, picture, rgb

WOOL = ("#1e2a4a", "#7c1f2a", "#c4522c", "#e2a33c", "#efe0bd", "#3f7a6e", "#243f3a")
ROWS = 64
FLOAT = 2.2  # length of a stitch, in rows
LOZENGES = 3
STRIDE = 3  # colours from one band of a lozenge to the next


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    x, y = canvas(size)
    x, y = x + 0.003 * noise(rng, size, 14), y + 0.003 * noise(rng, size, 14)
    row = np.floor(y * ROWS).astype(int)
    shifted = x * ROWS / FLOAT + 0.5 * (row % 2)
    column = np.floor(shifted).astype(int)
    along, across = shifted % 1 - 0.5, y * ROWS % 1 - 0.5
    wool = _pattern((column + 0.5 - 0.5 * (row % 2)) * FLOAT / ROWS, (row + 0.5) / ROWS)
    shade = rng.uniform(0.8, 1.15, (ROWS + 4, ROWS + 4))[row, column]
    round_ = np.sqrt(np.clip(1 - (1.9 * across) ** 2, 0, 1)) * np.clip(1.25 - (2.05 * along) ** 4, 0, 1)
    twist = 1 + 0.2 * np.sin(2 * np.pi * (2.2 * along * FLOAT + 1.1 * across) + 2 * noise(rng, size, 90))
    return picture(rgb(WOOL)[wool] * (shade * (0.14 + 0.9 * round_) * twist)[..., None])


def _pattern(x: Floats, y: Floats) -> Indices:
    """Choose each stitch's wool: lozenges within lozenges."""
    lozenge = np.abs((LOZENGES * x) % 1 - 0.5) + np.abs((LOZENGES * y) % 1 - 0.5)
    field = np.floor(LOZENGES * x).astype(int) + 2 * np.floor(LOZENGES * y).astype(int)
    return np.asarray((np.floor(lozenge * 8).astype(int) * STRIDE + field) % len(WOOL))
