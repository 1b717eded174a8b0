"""Warm tiles of glass between dark joints, in bands of one colour."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scripts.starters.drawing import cells, picture, rgb

TILES = ("#7a1f2b", "#b8392f", "#e0703a", "#efb661", "#f4e3b8", "#5d7f4e", "#2d4a3a")
ACROSS = 22


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    tiles = cells(rng, size, ACROSS, 0.36)
    count = len(tiles.centres)
    x, y = tiles.centres.T
    bands = np.sin(7 * x + 3 * np.sin(5 * y)) + rng.normal(0, 0.25, count)
    ranks = bands.argsort().argsort() * len(TILES) // count
    colours = rgb(TILES)[ranks] * rng.uniform(0.85, 1.12, (count, 1))
    joint = np.clip((tiles.second - tiles.distance) * size / 6, 0.12, 1)[..., None]
    return picture(colours[tiles.nearest] * joint)
