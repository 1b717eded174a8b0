"""A linocut: the cuts of a gouge follow the forms and show ochre, red and cream."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from scripts.starters.drawing import Floats, blurred, clouds, noise, picture, rgb

INK = "#15202b"
TINTS = ("#c2452d", "#f2e6cb", "#e2a544", "#f2e6cb")
SPACING = 0.0125
GUIDE_SIZE = 256


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    tone, turn = clouds(rng, GUIDE_SIZE, 5), 2.2 * noise(rng, GUIDE_SIZE, 4)
    block = Image.new("L", (2 * size, 2 * size))
    _cut(ImageDraw.Draw(block), 2 * size, tone, turn, rng)
    cut = np.asarray(block.reduce(2), dtype=np.float64)[..., None] / 255
    tints = rgb(TINTS)[(clouds(rng, size, 4) * len(TINTS)).clip(0, len(TINTS) - 1).astype(int)]
    starved = np.clip(blurred(rng.normal(0, 1, (size, size)), size / 800) * 3 - 1.2, 0, 0.6)[..., None]
    ink = rgb((INK,))[0] * (1 - 0.25 * starved) + tints * 0.25 * starved
    return picture(ink * (1 - cut) + tints * cut)


def _cut(gouge: ImageDraw.ImageDraw, size: int, tone: Floats, turn: Floats, rng: np.random.Generator) -> None:
    """Draw pointed cuts along the flow, wide in light places and none in dark ones."""
    axis = np.arange(-0.02, 1.02, SPACING)
    places = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    places += rng.uniform(-0.45, 0.45, places.shape) * SPACING
    for x, y in rng.permutation(places):
        row, column = (int(np.clip(v, 0, 0.999) * GUIDE_SIZE) for v in (y, x))
        light = tone[row, column] + rng.normal(0, 0.05)
        if light < 0.24:
            continue
        angle = turn[row, column] + rng.normal(0, 0.06)
        along = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.012, 0.026)
        aside = np.array([-np.sin(angle), np.cos(angle)]) * SPACING * (0.08 + 0.34 * light)
        back = 0.4 * along
        lens = (along, back + aside, aside - back, -along, -aside - back, back - aside)
        gouge.polygon([tuple((np.array([x, y]) + corner) * size) for corner in lens], fill=255)
