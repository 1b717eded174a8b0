"""Safetensors files that may come from a stranger: nothing of them is used before it is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from service.network.safetensors_header import METADATA, header_of

DTYPES = {"F16": "float16", "F32": "float32", "F64": "float64", "U8": "uint8"}  # numpy's names of the common ones

Tensors = dict[str, npt.NDArray[Any]]


class UnusableTensors(ValueError):
    """A file with other content than expected; the message says why. A subclass names the `kind` of file."""

    kind: ClassVar[str] = "safetensors file"


@dataclass(frozen=True)
class TensorHeader:
    """Dtype and shape of a tensor as the file declares them; the dtype has numpy's name where DTYPES knows it."""

    dtype: str
    shape: tuple[int, ...]


def read_checked(
    data: bytes, facts_key: str, check: Callable[[Mapping[str, TensorHeader]], None], unusable: type[UnusableTensors]
) -> tuple[Tensors, Any]:
    """Return a file's tensors, and the JSON that its metadata holds under `facts_key`, which the caller checks.

    `check` gets each tensor's name, dtype and shape before any number is read, and raises `unusable`. All numbers of
    the result are finite.

    Raises:
        UnusableTensors: of the class `unusable`; the bytes are no safetensors file with these facts, `check` refused
            it, or a number isn't finite.
    """
    try:
        header = header_of(data)
        check({name: _tensor_header(entry) for name, entry in header.items() if name != METADATA})
        tensors, facts = load(data), json.loads(header[METADATA][facts_key])
    except UnusableTensors:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise unusable(f"not a {unusable.kind}: {error}") from error
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise unusable(f"{name} holds a number that isn't finite")
    return tensors, facts


def _tensor_header(entry: Mapping[str, Any]) -> TensorHeader:
    dtype, shape = str(entry["dtype"]), tuple(entry["shape"])
    for count in (*shape, *entry["data_offsets"]):
        if type(count) is not int or count < 0:
            raise ValueError("a shape or an offset has other numbers than whole ones from 0")
    return TensorHeader(DTYPES.get(dtype, dtype), shape)
