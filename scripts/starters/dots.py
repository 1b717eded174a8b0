"""Pointillism: dabs of pure colour side by side that mix in the eye at a distance."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from scripts.starters.drawing import clouds, rgb

GROUND = "#e9dcc0"
SCALE = ("#1c2454", "#2f4fa0", "#2c8aa0", "#5aa55a", "#c9c24a", "#f2c14a", "#f0e2b0", "#f09a5a", "#d9503c", "#8a3468")
PASSES = ((9000, 0.0105), (9000, 0.008), (5000, 0.0055))  # dabs, radius


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (2 * size, 2 * size), GROUND)
    brush = ImageDraw.Draw(canvas)
    field, light = clouds(rng, 256, 3), clouds(rng, 256, 5)
    for count, radius in PASSES:
        for x, y in rng.uniform(-0.01, 1.01, (count, 2)):
            row, column = (int(np.clip(v, 0, 0.999) * 256) for v in (y, x))
            hue = field[row, column] * len(SCALE) + rng.normal(0, 0.7)
            if rng.random() < 0.14:
                hue += len(SCALE) / 2  # a dab of the complement, which makes the others glow
            colour = rgb(SCALE)[int(hue) % len(SCALE)] * (0.55 + 0.65 * light[row, column]) + rng.normal(0, 9, 3)
            wide, high = radius * rng.uniform(0.75, 1.2, 2)
            box = np.array([x - wide, y - high, x + wide, y + high]) * 2 * size
            brush.ellipse(box.tolist(), fill=tuple(int(v) for v in colour.clip(0, 255)))
    return canvas.reduce(2)
