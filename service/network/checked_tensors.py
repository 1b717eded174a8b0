"""Safetensors files that may come from a stranger: nothing of them is used before it is checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from service.network.safetensors_header import METADATA, header_bytes, header_of
from service.settings.numbers import as_whole

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
    end: int = field(default=0, compare=False)  # where it ends, in bytes from the header's end


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
        found = {name: _tensor_header(entry) for name, entry in header.items() if name != METADATA}
        facts = _facts(header.get(METADATA), facts_key)
        check(found)
        _check_length(len(data) - header_bytes(data), max((tensor.end for tensor in found.values()), default=0))
        tensors = load(data)
    except UnusableTensors:
        raise
    except (SafetensorError, ValueError) as error:
        raise unusable(f"not a {unusable.kind}: {error}") from error
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise unusable(f"{name} holds a number that isn't finite")
    return tensors, facts


def check_version(facts: Any, known: int, unusable: type[UnusableTensors]) -> None:
    """Raise `unusable` unless what a file says of itself is an object with this `version`."""
    found = as_whole(facts.get("version")) if isinstance(facts, dict) else None
    if type(found) is not int:
        raise unusable(f"it doesn't say which version of a {unusable.kind} it is")
    if found != known:
        raise unusable(f"it is a {unusable.kind} of version {found}, where this service reads version {known}")


def _tensor_header(entry: Any) -> TensorHeader:
    try:
        dtype, shape, offsets = str(entry["dtype"]), tuple(entry["shape"]), tuple(entry["data_offsets"])
    except (KeyError, TypeError):
        raise ValueError("its header names a tensor without its dtype, shape or place") from None
    for count in (*shape, *offsets):
        if type(count) is not int or count < 0:
            raise ValueError("a shape or an offset has other numbers than whole ones from 0")
    return TensorHeader(DTYPES.get(dtype, dtype), shape, max(offsets, default=0))


def _facts(metadata: Any, key: str) -> Any:
    said = metadata.get(key) if isinstance(metadata, dict) else None
    if said is None:
        raise ValueError(f"it is a safetensors file of another kind: its metadata has no {key!r}")
    try:
        return json.loads(said)
    except (ValueError, TypeError, RecursionError):
        raise ValueError(f"the {key!r} in its metadata is no JSON") from None


def _check_length(found: int, declared: int) -> None:
    """Raise ValueError where a file has other bytes behind its header than that declares."""
    if found < declared:
        raise ValueError(f"it is cut off: its tensors have {found:,} of {declared:,} bytes")
    if found > declared:
        raise ValueError(f"there are {found - declared:,} bytes behind its end")
