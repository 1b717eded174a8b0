"""Watercolour: blots that dried with dark edges, one over another, on paper whose grain shows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from scripts.starters.drawing import Floats, blurred, clouds, noise, picture, rgb

PIGMENTS = ("#1d3a6e", "#2b7a9e", "#4fa89a", "#8a9a3a", "#e0a030", "#d2603a", "#b03a5a", "#5a3a78", "#3a2c38")
PAPER = "#fbf6ea"
GUIDE_SIZE = 256
PASSES = ((26, 0.17, 0.3), (90, 0.085, 0.5), (240, 0.036, 0.9))  # blots, radius, thickness of the pigment


class Blot(NamedTuple):
    """A blot: its middle, its radius, and how much light each colour channel loses in it."""

    x: float
    y: float
    radius: float
    absorbed: Floats


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    hues = clouds(rng, GUIDE_SIZE, 3)
    grain = 1 + 0.28 * blurred(rng.normal(0, 1.6, (size, size)), size / 700) + 0.18 * noise(rng, size, 60)
    absorbed = np.zeros((size, size, 3))
    for count, radius, thickness in PASSES:
        for x, y in rng.uniform(-0.05, 1.05, (count, 2)):
            row, column = (int(np.clip(place, 0, 0.999) * GUIDE_SIZE) for place in (y, x))
            hue = (hues[row, column] + rng.normal(0, 0.09)) * len(PIGMENTS)
            pigment = -np.log((rgb(PIGMENTS)[int(np.clip(hue, 0, len(PIGMENTS) - 1))] + 4) / 262)
            strength = 0.55 * thickness * rng.uniform(0.3, 1.3)
            _dry(absorbed, Blot(x, y, radius * rng.uniform(0.5, 1.4), strength * pigment), rng)
    light = np.exp(-absorbed * grain[..., None])
    return picture(rgb((PAPER,))[0] * light + 3 * rng.normal(0, 1, (size, size, 1)))


def _dry(absorbed: Floats, blot: Blot, rng: np.random.Generator) -> None:
    """Let a blot dry: thin in its middle, thick along its frayed edge."""
    size = len(absorbed)
    reach = 1.7 * blot.radius
    top, left = (max(0, int((place - reach) * size)) for place in (blot.y, blot.x))
    bottom, right = (min(size, int((place + reach) * size)) for place in (blot.y, blot.x))
    if top >= bottom or left >= right:
        return
    y, x = (np.mgrid[top:bottom, left:right] + 0.5) / size
    angle = np.arctan2(y - blot.y, x - blot.x)
    fray = sum(
        rng.normal(0, 0.55 / waves) * np.cos(waves * angle + rng.uniform(0, 6.3)) for waves in (2, 3, 5, 8, 13, 21)
    )
    edge = (1 + fray) * blot.radius - np.hypot(x - blot.x, y - blot.y)  # how far inside
    rim = 0.9 * np.exp(-((edge / 0.004) ** 2)) + 0.5 * np.exp(-edge / 0.02)
    body = np.clip(edge * size / 1.5, 0, 1) * (0.45 + rim)
    absorbed[top:bottom, left:right] += body[..., None] * blot.absorbed
