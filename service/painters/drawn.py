"""Pictures drawn by code, from which a painter learns where there are no photographs.

They are "dead leaves" (Lee, Mumford & Huang 2001): shapes that lie over one another, with sizes by a power law. Their
edges, contrasts and colours are distributed much as in photographs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
Generator = np.random.Generator

LEAVES = (25, 140)  # leaves in a picture
SMALLEST, LARGEST = (0.015, 0.08), (0.3, 0.8)  # ranges of a picture's least and largest radius, as shares of its side
POWER = 1.2  # exponent of the distribution of the radii
SOFT = 0.4  # share of the leaves that have soft edges


def draw(random: Generator, side: int) -> Array:
    """Draw a picture, side x side x 3 in [0, 1]."""
    picture = _sky(random, side)
    smallest = math.exp(random.uniform(*np.log(SMALLEST)))
    largest = random.uniform(*LARGEST)
    colourfulness = random.uniform(0.2, 1.0)
    for _ in range(random.integers(*LEAVES)):
        radius = side * _radius(random, smallest, largest)
        _lay(random, picture, radius, colourfulness)
    gamma = np.float32(math.exp(0.25 * random.normal()))
    return np.clip(picture, 0, 1) ** gamma


def _sky(random: Generator, side: int) -> Array:
    """Draw a vertical gradient between two colours."""
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    top, bottom = random.random((2, 3), dtype=np.float32)
    return np.repeat(top * (1 - down) + bottom * down, side, axis=1)


def _radius(random: Generator, smallest: float, largest: float) -> float:
    """Draw a radius by a power law between two bounds."""
    low, high = smallest**-POWER, largest**-POWER
    return float((low + random.random() * (high - low)) ** (-1 / POWER))


def _lay(random: Generator, picture: Array, radius: float, colourfulness: float) -> None:
    """Lay a leaf over the picture; only the box around it is touched."""
    side = len(picture)
    stretch = math.exp(0.25 * random.normal())
    reach = radius * max(stretch, 1 / stretch) ** 2
    x, y = random.uniform(-0.1, 1.1, 2) * side
    left, right = max(0, math.floor(x - reach)), min(side, math.ceil(x + reach) + 1)
    top, bottom = max(0, math.floor(y - reach)), min(side, math.ceil(y + reach) + 1)
    if left >= right or top >= bottom:
        return
    across = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    down = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    turn = random.uniform(0, math.pi)
    u = across * np.float32(math.cos(turn)) + down * np.float32(math.sin(turn))
    v = down * np.float32(math.cos(turn)) - across * np.float32(math.sin(turn))
    long, short = np.float32(radius * stretch), np.float32(radius / stretch)
    inside = SHAPES[random.integers(len(SHAPES))](random, u, v, long, short)
    softness = random.uniform(0.02, 0.5) * short if random.random() < SOFT else 0.0
    cover = np.clip(inside / np.float32(softness + 0.7) + np.float32(0.5), 0, 1)[..., None]
    box = picture[top:bottom, left:right]
    fill = FILLS[random.integers(len(FILLS))](random, u, long, colourfulness)
    box += cover * (fill - box)


# Shapes: how many pixels each position lies within the leaf's border


def _ellipse(random: Generator, u: Array, v: Array, long: np.float32, short: np.float32) -> Array:
    return (1 - np.hypot(u / long, v / short)) * short


def _bar(random: Generator, u: Array, v: Array, long: np.float32, short: np.float32) -> Array:
    return np.minimum(long - np.abs(u), short / 2 - np.abs(v))


def _polygon(random: Generator, u: Array, v: Array, long: np.float32, short: np.float32) -> Array:
    inside = long - np.hypot(u, v)
    for turn in random.uniform(0, 2 * math.pi, random.integers(3, 8)):
        inside = np.minimum(inside, 0.75 * short - u * np.float32(math.cos(turn)) - v * np.float32(math.sin(turn)))
    return inside


SHAPES: tuple[Callable[[Generator, Array, Array, np.float32, np.float32], Array], ...] = (_ellipse, _bar, _polygon)


# Fills: the colour at each position


def _flat(random: Generator, u: Array, long: np.float32, colourfulness: float) -> Array:
    return _colour(random, colourfulness)


def _gradient(random: Generator, u: Array, long: np.float32, colourfulness: float) -> Array:
    share = np.clip((u / long + 1) / 2, 0, 1)[..., None]
    return _colour(random, colourfulness) * (1 - share) + _colour(random, colourfulness) * share


def _rough(random: Generator, u: Array, long: np.float32, colourfulness: float) -> Array:
    strength = np.float32(random.uniform(0.05, 0.2))
    return _colour(random, colourfulness) + strength * _noise(random, *u.shape)[..., None]


def _striped(random: Generator, u: Array, long: np.float32, colourfulness: float) -> Array:
    waves: Array = np.sin(u * np.float32(math.pi * random.uniform(3, 20) / long))[..., None]
    strength = np.float32(random.uniform(0.05, 0.4))
    striped: Array = _colour(random, colourfulness) + waves * strength * random.random(3, dtype=np.float32)
    return striped


FILLS: tuple[Callable[[Generator, Array, np.float32, float], Array], ...] = (_flat, _gradient, _rough, _striped)


def _colour(random: Generator, colourfulness: float) -> Array:
    colour = random.random(3, dtype=np.float32)
    grey = colour.mean()
    toned: Array = grey + (colour - grey) * np.float32(colourfulness)
    return toned


def _noise(random: Generator, height: int, width: int) -> Array:
    """Draw noise whose amplitude grows with its wavelength, as in textures of nature."""
    noise = np.zeros((height, width), dtype=np.float32)
    for wavelength in (2, 4, 8, 16):
        coarse = (max(1, height // wavelength), max(1, width // wavelength))
        layer = Image.fromarray(random.standard_normal(coarse, dtype=np.float32))
        noise += np.asarray(layer.resize((width, height), Image.Resampling.BILINEAR)) * np.float32(
            wavelength**0.5 / 4
        )
    return noise
