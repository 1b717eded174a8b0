"""Hatching with a pen on cream paper, denser in dark places."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

PAPER, INK = "#f1e7d0", "#1d1a1c"


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.uniform(0, 1, (6, 6)).astype(np.float32))
    tone = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    canvas = Image.new("RGB", (2 * size, 2 * size), PAPER)
    pen = ImageDraw.Draw(canvas)
    for angle, light in ((0.8, 0.75), (2.3, 0.5), (1.5, 0.3)):
        for x, y in rng.uniform(0, size, (size * 9, 2)):
            if tone[int(y), int(x)] < light:
                turn, half = angle + rng.normal(0, 0.08), rng.uniform(0.012, 0.03) * size
                across, down = half * np.cos(turn), half * np.sin(turn)
                line = [2 * (x - across), 2 * (y - down), 2 * (x + across), 2 * (y + down)]
                pen.line(line, fill=INK, width=int(rng.integers(2, 5)))
    return canvas.reduce(2)
