"""A risograph print: dots of three spot colours, each drum a little out of register, over rough paper."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from scripts.starters.drawing import Floats, canvas, clouds, noise, picture, rgb

PAPER = "#f5efdf"
DRUMS = (("#ffd23a", 0.26, 0.004, -0.003), ("#ff4a6e", 1.31, -0.004, 0.002), ("#16498f", 0.79, 0.002, 0.005))
SHARES = (0.62, 0.5, 0.5)  # shares of the paper that the drums print on
PITCH = 1 / 60


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    ink = np.ones((size, size, 3))
    x, y = canvas(size)
    for (colour, angle, right, down), tone in zip(DRUMS, list(_tones(rng, size)), strict=True):
        moved = np.roll(tone, (round(down * size), round(right * size)), (0, 1))
        cover = _screen(x - right, y - down, angle, moved, size)
        cover = cover * (0.93 + 0.1 * noise(rng, size, 50) - 0.25 * (rng.random((size, size)) < 0.05))
        ink *= 1 - cover[..., None] * (1 - rgb((colour,))[0] / 255)
    grain = 4 * rng.normal(0, 1, (size, size, 1))
    return picture(rgb((PAPER,))[0] * ink + grain)


def _tones(rng: np.random.Generator, size: int) -> Iterator[Floats]:
    """Yield the amount of each ink at each place, 0..1: flat shapes with edges, and gradients within them."""
    for share in SHARES:
        shape = np.clip((clouds(rng, size, 4) - 1 + share) * size / 6, 0, 1)
        yield np.clip(0.03 + shape * (0.15 + 0.9 * clouds(rng, size, 3)), 0, 1)


def _screen(x: Floats, y: Floats, angle: float, tone: Floats, size: int) -> Floats:
    """Draw round dots on a grid turned by `angle`; their size follows the tone."""
    across, down = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    u, v = across / PITCH % 1 - 0.5, down / PITCH % 1 - 0.5
    reach = np.sqrt(np.clip(tone, 0, 1) / np.pi) * 1.28
    return np.asarray(np.clip((reach - np.hypot(u, v)) * PITCH * size + 0.5, 0, 1))
