"""A stained-glass window: panes of deep colour, lit from behind, between leads."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scripts.starters.drawing import Floats, cells, clouds, noise, picture, rgb

PANES = (
    "#0d1f6e", "#1746b8", "#1c8fd6", "#0f7a5c", "#5cb85c", "#f6c630", "#f08a1d", "#d22630", "#7a1550", "#f3ead2",
    "#9fc8dc", "#e8c9a0",
)  # fmt: skip
LEAD = "#14121a"
ACROSS = 13
LEAD_WIDTH = 0.0095


def draw(size: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    panes = cells(rng, size, ACROSS, 0.38)
    colours = rgb(PANES)[_choice(panes.centres, rng)]
    colours *= rng.uniform(0.8, 1.15, (len(colours), 1))
    edge = (panes.second - panes.distance) / 2
    light = 0.62 + 0.5 * np.clip(edge * ACROSS * 2.2, 0, 1) + 0.16 * noise(rng, size, 40) + 0.14 * noise(rng, size, 9)
    glass = colours[panes.nearest] * light[..., None] + 34 * np.clip(light - 1, 0, 1)[..., None]
    width = LEAD_WIDTH * (1 + 0.25 * noise(rng, size, 30))
    return picture(_leaded(glass, edge, width, size))


def _choice(centres: Floats, rng: np.random.Generator) -> np.ndarray:
    """Choose each pane's colour: drifts of one colour, broken by strays."""
    field = clouds(rng, 256, 3)
    x, y = (centres.clip(0, 0.999) * 256).astype(int).T
    drift = field[y, x] * len(PANES) + rng.normal(0, 0.7, len(centres))
    return np.asarray(np.floor(drift).astype(int) % len(PANES))


def _leaded(glass: Floats, edge: Floats, width: Floats, size: int) -> Floats:
    """Draw the round leads over the panes, with a thin light along their middle."""
    cover = np.clip((width - edge) * size + 0.5, 0, 1)[..., None]
    shine = 60 * np.clip(1 - edge / (0.35 * width), 0, 1)[..., None]
    return np.asarray(glass * (1 - cover) + (rgb((LEAD,))[0] + shine) * cover)
