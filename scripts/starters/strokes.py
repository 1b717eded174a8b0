"""Thick strokes of oil swept along a flow of whorls and furrows: a stirred sky over a field."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from scripts.starters.drawing import Floats, noise, rgb

Places = NDArray[np.complex128]  # x + iy in fractions of the canvas, y pointing down
Wash = tuple[tuple[str, ...], Floats, Floats]  # a ramp of pigment, its tone and its share of strokes

SUPERSAMPLING = 2
GUIDE_SIZE = 256
PATH_POINTS = 13
SKY = ("#0a1030", "#12235c", "#1b3f93", "#17659a", "#1b8a94", "#62b8a8", "#d5dca6")
EMBER = ("#7d2a18", "#b9451a", "#dd701c", "#eda02b", "#f7ca58", "#fdeeb8")
SOIL = ("#0d1f45", "#125a66", "#2f6a50", "#8a5a1e", "#c8761f", "#e39b2c", "#efc158", "#f6e29a")


class Whorl(NamedTuple):
    """A vortex in the sky. The sign of its spin is the direction; its glow is the share of warm strokes."""

    centre: complex
    radius: float
    spin: float
    glow: float


class Layer(NamedTuple):
    """One pass over the canvas with one brush."""

    width: float
    length: float
    spacing: float
    bristles: int
    kept: float
    lift: float


class Scene(NamedTuple):
    """The composition on a coarse grid: the strokes' directions, their density, and their pigments."""

    flow: Places
    detail: Floats
    washes: tuple[Wash, ...]


WHORLS = (
    Whorl(centre=0.64 + 0.37j, radius=0.21, spin=2.6, glow=1.0),
    Whorl(centre=0.17 + 0.22j, radius=0.17, spin=-2.4, glow=0.3),
    Whorl(centre=0.98 + 0.06j, radius=0.12, spin=-2.0, glow=0.25),
    Whorl(centre=0.34 + 0.57j, radius=0.09, spin=-1.6, glow=0.2),
)
LAYERS = (
    Layer(width=0.058, length=0.24, spacing=0.022, bristles=36, kept=9.0, lift=-0.06),
    Layer(width=0.036, length=0.17, spacing=0.024, bristles=24, kept=0.60, lift=0.0),
    Layer(width=0.020, length=0.11, spacing=0.016, bristles=14, kept=0.28, lift=0.04),
    Layer(width=0.010, length=0.06, spacing=0.013, bristles=7, kept=0.10, lift=0.18),
)


def pigment(stops: tuple[str, ...], tone: Floats) -> Floats:
    """Return colours 0..255 for tones 0..1 along a ramp of hex stops."""
    position = np.clip(tone, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(position, np.arange(len(stops)), channel) for channel in rgb(stops).T], axis=-1)


def stir(z: Places, depth: Floats, ground: Floats, wobble: Floats) -> Places:
    """Return the brush's direction: a drift stirred by the whorls in the sky, furrows in the field."""
    air = 0.9 - 2.0 * z.imag + 0.3 * wobble + 1j * (0.5 * np.sin(6 * z.real + 4 * z.imag) + 0.3 * wobble)
    for whorl in WHORLS:
        away = (z - whorl.centre) / whorl.radius
        air += 1j * away * whorl.spin * np.exp(-(np.abs(away) ** 2) / 1.6)
    furrow = -1 - 1j * (0.7 * np.sin(4 * z.real - 6 * depth + 0.8) + 0.2 * wobble)
    flow = air + (furrow - air) * ground
    return np.asarray(flow / np.abs(flow))


def compose(rng: np.random.Generator) -> Scene:
    """Lay out the picture: a glowing whorl in a stirred dark sky over a striped field."""
    y, x = (np.mgrid[:GUIDE_SIZE, :GUIDE_SIZE] + 0.5) / GUIDE_SIZE
    broad, fine, detail = (noise(rng, GUIDE_SIZE, bumps) for bumps in (6, 14, 9))
    depth = y - (0.72 + 0.05 * np.sin(5.2 * x + 0.6) - 0.06 * x)
    ground = np.asarray(1 / (1 + np.exp(-200 * depth)))
    glow, ember = np.zeros_like(x), np.zeros_like(x)
    for whorl in WHORLS:
        reach = np.abs(x + 1j * y - whorl.centre) / whorl.radius
        halo = whorl.glow * np.clip(1.6 - 1.2 * reach, 0, 1)
        ember = np.where(halo > glow, 0.76 - 0.52 * reach + 0.14 * np.cos(9 * reach), ember)
        glow = np.maximum(glow, halo)
    sky = 0.20 + 0.45 * y + 0.28 * broad + 0.18 * fine
    soil = 0.41 + 0.36 * np.sin(50 * depth * (1 - depth) + 4 * np.sin(3 * x)) + 0.18 * fine
    washes = ((SKY, sky, np.ones_like(x)), (EMBER, ember, glow), (SOIL, soil, ground))
    return Scene(stir(x + 1j * y, depth, ground, broad), detail, washes)


def cells(places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the guide grid at places anywhere on the canvas or beyond its edges."""
    index = (np.stack([places.imag, places.real]) * GUIDE_SIZE).clip(0, GUIDE_SIZE - 1).astype(np.intp)
    return index[0], index[1]


def stroke_paths(scene: Scene, layer: Layer, rng: np.random.Generator) -> Places:
    """Return paths (strokes, points) down the flow, begun on a jittered grid, crowded where there is detail."""
    axis = np.arange(-0.1, 1.1, layer.spacing)
    starts = np.add.outer(axis, 1j * axis).ravel()
    starts += rng.normal(0, 0.4 * layer.spacing, (len(starts), 2)) @ (1, 1j)
    kept = layer.kept * np.clip(1 + 1.4 * scene.detail[cells(starts)], 0.2, None)
    starts = rng.permutation(starts[rng.uniform(0, 1, len(starts)) < kept])
    step = layer.length / PATH_POINTS * rng.uniform(0.65, 1.3, len(starts))
    path = [starts]
    for _ in range(PATH_POINTS - 1):
        halfway = path[-1] + step / 2 * scene.flow[cells(path[-1])]
        path.append(path[-1] + step * scene.flow[cells(halfway)])
    return np.stack(path, axis=1)


def stroke_colours(scene: Scene, middles: Places, lift: float, rng: np.random.Generator) -> Floats:
    """Pick a pigment for each stroke by its place, shifted along its ramp so that neighbours differ."""
    wander, chance = rng.normal(lift, 0.09, len(middles)), rng.uniform(0, 1, len(middles))
    cell = cells(middles)
    colours = np.zeros((len(middles), 3))
    for stops, tone, share in scene.washes:
        colours = np.where((share[cell] > chance)[:, None], pigment(stops, tone[cell] + wander), colours)
    return colours + rng.normal(0, 6, colours.shape)


def bristle_paths(paths: Places, layer: Layer, rng: np.random.Generator) -> Places:
    """Return paths (strokes, bristles, points) side by side across each stroke, with round and ragged ends."""
    tangent = np.gradient(paths, axis=1)
    tangent /= np.abs(tangent) + 1e-9
    width = layer.width * rng.uniform(0.65, 1.25, (len(paths), 1, 1))
    side = np.linspace(-1, 1, layer.bristles)[:, None]
    along = np.linspace(-1, 1, PATH_POINTS)
    ragged = rng.normal(0, 0.13, (len(paths), layer.bristles, 1))
    across = 0.5 * side * (1 - 0.3 * np.clip(along, 0, 1) ** 3)
    stretch = along * (ragged - 0.4 * side**2) + 0.7 * ragged
    return np.asarray(paths[:, None] + tangent[:, None] * width * (stretch + 1j * across))


def bristle_loads(colours: Floats, bristles: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return RGBA (strokes, bristles, 4) of the paint each bristle carries; alpha is its thickness."""
    side = np.linspace(-1, 1, bristles)
    streak = rng.normal(0, 1, (len(colours), bristles))
    streak = 0.6 * streak + 0.7 * np.roll(streak, 1, axis=1)
    tilt = rng.normal(0, 10, (len(colours), 1, 3)) * side[:, None]
    body = colours[:, None] * (1 + 0.10 * streak[..., None]) + tilt
    height = 130 + 24 * streak + 40 * side**4 + rng.normal(0, 22, (len(colours), 1))
    return np.concatenate([body.clip(0, 255), height.clip(50, 255)[..., None]], axis=-1).astype(np.uint8)


def draw_layer(canvas: Image.Image, scene: Scene, layer: Layer, rng: np.random.Generator) -> None:
    """Lay one pass of strokes onto the canvas."""
    paths = stroke_paths(scene, layer, rng)
    colours = stroke_colours(scene, paths[:, PATH_POINTS // 2], layer.lift, rng)
    lines = canvas.width * bristle_paths(paths, layer, rng).view(np.float64).reshape(-1, 2 * PATH_POINTS)
    loads = bristle_loads(colours, layer.bristles, rng).reshape(-1, 4)
    thickness = int(np.ceil(1.6 * layer.width * canvas.width / layer.bristles))
    brush = ImageDraw.Draw(canvas)
    for line, load in zip(lines.tolist(), loads.tolist(), strict=True):
        brush.line(line, fill=tuple(load), width=thickness)


def light(canvas: Image.Image) -> Image.Image:
    """Light the ridges of wet paint from the upper left; alpha holds the paint's thickness."""
    relief = canvas.getchannel("A").filter(ImageFilter.GaussianBlur(canvas.width / 1000))
    down, across = np.gradient(np.asarray(relief, dtype=np.float64))
    facing = np.asarray((down + across) / 30).clip(-0.45, 0.45)[..., None]
    lit = np.asarray(canvas)[..., :3] * (1 + 0.5 * facing) + 60 * np.clip(facing - 0.12, 0, 1)
    return Image.fromarray(lit.clip(0, 255).astype(np.uint8))


def draw(size: int, seed: int) -> Image.Image:
    """Draw the painting, `size` pixels square; the same seed gives the same picture."""
    rng = np.random.default_rng(seed)
    scene = compose(rng)
    canvas = Image.new("RGBA", (size * SUPERSAMPLING, size * SUPERSAMPLING), SKY[1])
    for layer in LAYERS:
        draw_layer(canvas, scene, layer, rng)
    return light(canvas.reduce(SUPERSAMPLING))
