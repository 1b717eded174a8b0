"""Tools that draw the styles: palettes, smooth noise and cells. Places are fractions of the canvas."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Cells(NamedTuple):
    """Voronoi cells: each pixel's nearest centre, the distances to it and to the second nearest; N x 2 `centres`."""

    nearest: Indices
    distance: Floats
    second: Floats
    centres: Floats


def rgb(colours: tuple[str, ...]) -> Floats:
    """Return hex colours as N x 3, 0..255."""
    return np.array([list(bytes.fromhex(colour[1:])) for colour in colours], dtype=np.float64)


def picture(values: Floats) -> Image.Image:
    """Turn H x W x 3, 0..255, into an image."""
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def canvas(size: int) -> tuple[Floats, Floats]:
    """Return x and y of each pixel's middle, 0..1."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    return x, y


def noise(rng: np.random.Generator, size: int, bumps: int) -> Floats:
    """Return smooth noise, about -1..1, with that many bumps along each side."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (bumps, bumps)).astype(np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)


def clouds(rng: np.random.Generator, size: int, bumps: int) -> Floats:
    """Return noise of three octaves in 0..1 in which all tones cover equal areas."""
    total = sum((noise(rng, size, bumps << octave) / 2**octave for octave in range(3)), np.zeros((size, size)))
    steps = np.quantile(total, np.linspace(0, 1, 65))
    return np.interp(total, steps, np.linspace(0, 1, 65))


def blurred(values: Floats, radius: float) -> Floats:
    """Blur H x W values by a Gaussian whose standard deviation is `radius` pixels; edges wrap."""
    fy, fx = (np.fft.fftfreq(length) for length in values.shape)
    damping = np.exp(-2 * (np.pi * radius) ** 2 * np.add.outer(fy**2, fx**2))
    return np.asarray(np.fft.ifft2(np.fft.fft2(values) * damping).real)


def cells(rng: np.random.Generator, size: int, across: int, jitter: float) -> Cells:
    """Make Voronoi cells of centres that stray from a grid by `jitter` of its spacing, 0.5 at most."""
    y, x = (np.mgrid[:across, :across] + 0.5) / across
    centres = np.stack([x, y], -1).reshape(-1, 2) + rng.uniform(-jitter, jitter, (across**2, 2)) / across
    x, y = canvas(size)
    column, row = (x * across).astype(np.intp), (y * across).astype(np.intp)
    distance, second = np.full((2, size, size), np.inf)
    nearest = np.zeros((size, size), np.intp)
    for i in range(25):  # the two nearest centres are at most two grid cells away
        down, right = row + i // 5 - 2, column + i % 5 - 2
        inside = (down >= 0) & (down < across) & (right >= 0) & (right < across)
        index = np.where(inside, down * across + right, 0)
        away = np.where(inside, np.hypot(x - centres[index, 0], y - centres[index, 1]), np.inf)
        nearest = np.where(away < distance, index, nearest)
        second = np.minimum(second, np.maximum(distance, away))
        distance = np.minimum(distance, away)
    return Cells(nearest, distance, second, centres)
