"""The weights of a painter that has learned, as a safetensors file: float16, of the one shape that painters have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from service.network.checked_tensors import TensorHeader, UnusableTensors, check_version, read_checked
from service.painters.shape import parameter_shapes
from service.settings.numbers import as_whole

VERSION = 1
METADATA = "painter"  # the key of a painter's facts in the file's metadata
SMALLEST_SIZE, LARGEST_SIZE = 32, 4096  # pixels


class UnusablePainter(UnusableTensors):
    """A file that holds no painter, or a broken one; the message says why."""

    kind = "painter"


@dataclass(frozen=True, eq=False)
class PainterWeights:
    """A painter that has learned.

    Attributes:
        weights: name -> float16 array, as service.painters.shape says.
        size: long edge in pixels that it learned for.
        model: SHA-256 of the model file whose features its objective compared.
    """

    weights: Mapping[str, npt.NDArray[np.float16]]
    size: int
    model: str

    @classmethod
    def of(cls, weights: Mapping[str, npt.NDArray[np.float32]], size: int, model: str) -> PainterWeights:
        """Round float32 weights, as learning leaves them, to float16."""
        return cls({name: array.astype(np.float16) for name, array in weights.items()}, size, model)

    @property
    def facts(self) -> dict[str, Any]:
        """What its file says of itself."""
        return {"version": VERSION, "size": self.size, "model": self.model}

    def to_bytes(self) -> bytes:
        """Return the safetensors file."""
        return save(dict(self.weights), {METADATA: json.dumps(self.facts, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes) -> PainterWeights:
        """Read a file that `to_bytes` wrote. It may come from a stranger: names, shapes and numbers are checked.

        Raises:
            UnusablePainter: the bytes are no painter's file.
        """
        weights, facts = read_checked(data, METADATA, check_shapes, UnusablePainter)
        return cls.of_file(weights, facts)

    @classmethod
    def of_file(cls, weights: Mapping[str, npt.NDArray[np.float16]], facts: Any) -> PainterWeights:
        """Take weights that `check_shapes` has let through, with what their file says of them.

        Raises:
            UnusablePainter: it doesn't say what `facts` does.
        """
        return cls(weights, **_checked(facts))


def check_shapes(found: Mapping[str, TensorHeader]) -> None:
    """Raise UnusablePainter if the names, dtypes or shapes aren't a painter's."""
    shapes = parameter_shapes()
    if set(found) != set(shapes):
        raise UnusablePainter(f"it holds other weights than a painter's: {len(found)} arrays, not {len(shapes)}")
    for name, shape in shapes.items():
        if found[name] != TensorHeader("float16", tuple(shape)):
            raise UnusablePainter(f"{name} is not float16 of the shape {shape}")


def _checked(facts: Any) -> dict[str, Any]:
    """Return the checked `size` and `model`. Raises UnusablePainter."""
    check_version(facts, VERSION, UnusablePainter)
    size, model = as_whole(facts.get("size")), facts.get("model")
    if type(size) is not int or not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        raise UnusablePainter(f"its size is no whole number from {SMALLEST_SIZE} to {LARGEST_SIZE}")
    if not isinstance(model, str) or len(model) > 64:  # noqa: PLR2004 - hexadecimal digits of a SHA-256
        raise UnusablePainter("its model is no SHA-256")
    return {"size": size, "model": model}
