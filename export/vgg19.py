"""VGG19's convolutions: their names, order and shapes (Simonyan and Zisserman 2015, table 1, column E)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from export.errors import ExportError

Array = npt.NDArray[np.float32]
Pooling = Literal["max", "avg"]

POOLINGS: tuple[Pooling, ...] = ("max", "avg")
FULL_WIDTH = 64  # channels of block 1
_CONVS_PER_BLOCK = (2, 2, 4, 4, 4)
_WIDTH_FACTORS = (1, 2, 4, 8, 8)  # a block's channels / block 1's channels

BLOCKS = tuple(
    tuple(f"conv{block}_{index}" for index in range(1, count + 1))
    for block, count in enumerate(_CONVS_PER_BLOCK, start=1)
)
CONVS = tuple(name for block in BLOCKS for name in block)
RELUS = tuple(name.replace("conv", "relu") for name in CONVS)


@dataclass(frozen=True)
class Conv:
    """One convolution: weight out x in x 3 x 3 and bias out, both float32."""

    weight: Array
    bias: Array


def weight_shapes(width: int) -> dict[str, tuple[int, int, int, int]]:
    """Return each convolution's shape, out x in x 3 x 3, for a network whose block 1 has `width` channels."""
    shapes = {}
    channels = 3
    for factor, block in zip(_WIDTH_FACTORS, BLOCKS, strict=True):
        for name in block:
            shapes[name] = (width * factor, channels, 3, 3)
            channels = width * factor
    return shapes


def check_convs(convs: dict[str, Conv]) -> None:
    """Check that the convolutions have VGG19's shapes and finite values.

    The width is taken from conv1_1 and the other layers follow it, so that a narrow network passes too.
    Raises ExportError if one has another shape or a value that isn't finite.
    """
    first = convs["conv1_1"].weight
    width = first.shape[0] if first.ndim else 0
    for name, shape in weight_shapes(width).items():
        conv = convs[name]
        for part, array, expected in (("weight", conv.weight, shape), ("bias", conv.bias, shape[:1])):
            if array.shape != expected or 0 in expected:
                raise ExportError(f"{name}'s {part} has the shape {array.shape}, VGG19's has {expected}")
            if not np.isfinite(array).all():
                raise ExportError(f"{name}'s {part} holds values that are not finite")
