"""Style pictures of other kinds than scripts/paint.py's, drawn from nothing: tiles, pen and ink, flat discs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

TILES = ("#7a1f2b", "#b8392f", "#e0703a", "#efb661", "#f4e3b8", "#5d7f4e", "#2d4a3a")
DISCS = ("#e4432d", "#f2b722", "#1f5fa8", "#f4efe2", "#101418", "#e58fa0", "#2f9a86")
PAPER, INK = "#f1e7d0", "#1d1a1c"


def mosaic(size: int, seed: int) -> Image.Image:
    """Warm tiles of glass between dark joints, in bands of one colour."""
    rng = np.random.default_rng(seed)
    n = 22
    y, x = (np.mgrid[:n, :n] + 0.5) / n
    centres = np.stack([x, y], -1).reshape(-1, 2) + rng.uniform(-0.36, 0.36, (n * n, 2)) / n
    grid = (np.mgrid[:size, :size].transpose(1, 2, 0)[..., ::-1] + 0.5) / size
    nearest, second = np.full((2, size, size), np.inf)
    tile = np.zeros((size, size), np.intp)
    for i, centre in enumerate(centres):
        away = np.hypot(*(grid - centre).transpose(2, 0, 1))
        tile = np.where(away < nearest, i, tile)
        second = np.minimum(second, np.maximum(nearest, away))
        nearest = np.minimum(nearest, away)
    bands = np.sin(7 * centres[:, 0] + 3 * np.sin(5 * centres[:, 1])) + rng.normal(0, 0.25, n * n)
    ranks = bands.argsort().argsort() * len(TILES) // (n * n)
    colours = _rgb(TILES)[ranks] * rng.uniform(0.85, 1.12, (n * n, 1))
    joint = np.clip((second - nearest) * size / 6, 0.12, 1)[..., None]
    return _picture(colours[tile] * joint)


def ink(size: int, seed: int) -> Image.Image:
    """Hatching with a pen on cream paper, close where it is dark."""
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


def discs(size: int, seed: int) -> Image.Image:
    """Flat discs and rings in plain colours with black outlines."""
    rng = np.random.default_rng(seed)
    canvas = Image.new("RGB", (2 * size, 2 * size), DISCS[3])
    brush = ImageDraw.Draw(canvas)
    for radius in np.geomspace(0.17, 0.02, 260) * 2 * size:
        x, y = rng.uniform(0, 2 * size, 2)
        for share in (1.0, 0.66, 0.33):
            r = radius * share
            brush.ellipse((x - r, y - r, x + r, y + r), str(rng.choice(DISCS)), DISCS[4], max(4, int(radius / 9)))
    return canvas.reduce(2).filter(ImageFilter.GaussianBlur(0.5))


def _rgb(colours: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=np.float64)


def _picture(values: NDArray[np.float64]) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
