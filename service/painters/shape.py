"""The fixed shape of a painter's network, which torch trains and ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Iterator

WIDTHS = (32, 64, 64)
"""Channels at a half, a quarter and an eighth of the picture's size."""

BLOCKS = 8  # residual blocks at an eighth
EPSILON = 1e-5  # added to a variance
OCTAVES = 1.0  # the farthest from the size that it learned for that a painter follows


def parameter_shapes() -> dict[str, tuple[int, ...]]:
    """Return the name and the shape of each array of weights."""
    half, quarter, eighth = WIDTHS
    shapes: dict[str, tuple[int, ...]] = {}
    shapes.update(_layer("to_half", 3, half, 5))
    shapes.update(_layer("to_quarter", half, quarter))
    shapes.update(_layer("to_eighth", quarter, eighth))
    for k in range(BLOCKS):
        shapes.update(_layer(f"blocks.{k}.first", eighth, eighth))
        shapes.update(_layer(f"blocks.{k}.second", eighth, eighth))
    shapes.update(_plain("narrow_quarter", eighth, quarter, 1))
    shapes.update(_layer("join_quarter", 2 * quarter, quarter))
    shapes.update(_plain("narrow_half", quarter, half, 1))
    shapes.update(_layer("join_half", 2 * half, half))
    shapes.update(_plain("head", half, 3 * 4, 3))
    return shapes


def _layer(name: str, channels: int, filters: int, side: int = 3) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.convolution.weight", (filters, channels, side, side)
    yield f"{name}.normalization.scale", (2, filters)
    yield f"{name}.normalization.shift", (2, filters)


def _plain(name: str, channels: int, filters: int, side: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (filters, channels, side, side)
    yield f"{name}.bias", (filters,)
