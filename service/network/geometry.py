"""The receptive fields of VGG19's features in a picture, and what follows from them: masks for the layers, and tiles.

Feature (i, j) of a layer with stride s and reach a sees the rows s i - a to s i + s - 1 + a, and columns by the same
rule. Every 3 x 3 convolution adds the stride that it works at to the reach; 2 x 2 poolings double the stride.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.network.layers import CHANNELS, LAYERS
from service.pictures.images import Mask


def stride(layer: str) -> int:
    """Return the pixels between two neighbouring features of a layer."""
    return int(2 ** (int(layer[4]) - 1))


def reach(layer: str) -> int:
    """Return how far a feature of the layer sees, in pixels beyond its own square of `stride`."""
    return sum(stride(shallower) for shallower in LAYERS[: LAYERS.index(layer) + 1])


def features_per_pixel(layers: Iterable[str]) -> float:
    """Return how many numbers the features of these layers have for each pixel of the picture."""
    return sum(CHANNELS[int(layer[4]) - 1] / stride(layer) ** 2 for layer in layers)


def layer_masks(mask: Mask, layers: Iterable[str]) -> dict[str, Mask]:
    """Return a mask over each layer's H' x W' positions, from one over the H x W picture.

    Each position gets the mask's average over its receptive field. The middle counts more than the rim, as it does in
    the network's own convolutions and poolings. Gatys 2017, section 4, leaves open how the average is taken.
    """
    wanted, found = set(layers), {}
    for layer in LAYERS[: max(map(LAYERS.index, wanted)) + 1]:
        if layer.endswith("_1") and layer != "relu1_1":
            mask = _pooled(mask)
        mask = _blurred(_blurred(mask).T).T
        if layer in wanted:
            found[layer] = np.ascontiguousarray(mask)
    return found


def _pooled(mask: Mask) -> Mask:
    height, width = mask.shape[0] // 2 * 2, mask.shape[1] // 2 * 2
    rows = mask[0:height:2, :width] + mask[1:height:2, :width]
    return np.asarray((rows[:, 0::2] + rows[:, 1::2]) / 4)


def _blurred(mask: Mask) -> Mask:
    """Return the average of each row with its neighbours, the rims repeated."""
    wide = np.pad(mask, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((wide[:-2] + wide[1:-1] + wide[2:]) / 3)


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels: it owns the features of `start` to `stop` and sees `first` to `last`."""

    first: int
    start: int
    stop: int
    last: int
    end: int  # of the picture

    def seen(self) -> slice:
        """Return the pixels that the tile sees."""
        return slice(self.first, self.last)

    def own(self, stride: int) -> slice:
        """Return the tile's own features at this stride, counted from the picture's first one."""
        return slice(self.start // stride, None if self.stop == self.end else self.stop // stride)

    def own_within(self, stride: int) -> slice:
        """Return the tile's own features, counted from the first one seen."""
        first = self.first // stride
        return slice(self.start // stride - first, None if self.stop == self.end else self.stop // stride - first)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture, with enough pixels around it that its features are those of the whole picture."""

    rows: Span
    columns: Span


def tiles(height: int, width: int, layers: Iterable[str], side: int) -> list[Tile]:
    """Cut a picture into tiles that see at most `side` pixels along each axis, enough for the features of `layers`.

    Tiles begin where the deepest layer has a feature. Each has at least one of those, however small `side` is.
    """
    deepest = max(layers, key=LAYERS.index)
    step, halo = stride(deepest), reach(deepest)
    halo = -(-halo // step) * step
    return [
        Tile(rows, columns)
        for rows in _spans(height, step, halo, side)
        for columns in _spans(width, step, halo, side)
    ]


def _spans(length: int, step: int, halo: int, side: int) -> list[Span]:
    if length <= side:
        return [Span(0, 0, length, length, length)]
    features = length // step
    parts = -(-features // max(1, (side - 2 * halo - step + 1) // step))
    bounds = [-(-features * k // parts) * step for k in range(parts)] + [length]
    return [Span(max(0, a - halo), a, b, min(length, b + halo), length) for a, b in pairwise(bounds)]
