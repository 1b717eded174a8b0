"""Flat discs and rings in plain colours with black outlines. Only for the figures: faces suffer from this style."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COLOURS = ("#e4432d", "#f2b722", "#1f5fa8", "#f4efe2", "#101418", "#e58fa0", "#2f9a86")
PAPER, OUTLINE = COLOURS[3], COLOURS[4]


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (2 * size, 2 * size), PAPER)
    brush = ImageDraw.Draw(canvas)
    for radius in np.geomspace(0.17, 0.02, 260) * 2 * size:
        x, y = rng.uniform(0, 2 * size, 2)
        for share in (1.0, 0.66, 0.33):
            r = radius * share
            brush.ellipse((x - r, y - r, x + r, y + r), str(rng.choice(COLOURS)), OUTLINE, max(4, int(radius / 9)))
    return canvas.reduce(2).filter(ImageFilter.GaussianBlur(0.5))
