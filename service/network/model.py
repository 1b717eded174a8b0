"""A reader of the model file, the one artefact that ONNX Runtime and torch share (models/README.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from service.errors import ModelUnavailable
from service.network.layers import LAYERS

LFS_POINTER = b"version https://git-lfs"
SMALLEST = 1000  # bytes below which a file is certainly no model
CONVOLUTIONS = ("preprocess", *(layer.replace("relu", "conv") for layer in LAYERS))
TENSORS = frozenset(f"{name}.{part}" for name in CONVOLUTIONS for part in ("weight", "bias"))  # of every model


@dataclass(frozen=True)
class Model:
    """The exported VGG19.

    Attributes:
        proto: the graph, as ONNX Runtime runs it.
        sha256: of the file; names the model in cache keys and results.
        weights: where the weights came from, in short.
        pooling: "max" or "avg".
    """

    proto: onnx.ModelProto
    sha256: str
    weights: str
    pooling: str

    def parameters(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the float32 arrays by their names, as in `conv1_1.weight`."""
        named = (i for i in self.proto.graph.initializer if i.name.endswith((".weight", ".bias")))
        return {i.name: numpy_helper.to_array(i) for i in named}


def load_model(path: Path) -> Model:
    """Read the model file.

    Raises:
        ModelUnavailable: there is no such file, or it isn't a model that `python -m export` made.
    """
    data = _bytes_of(path)
    try:
        proto = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise ModelUnavailable(f"{path} is {_kind_of(data)}; build it anew with: python -m export") from error
    metadata = {p.key: p.value for p in proto.metadata_props}
    if metadata.get("nst.format") != "1":
        kind = _kind_of(data) if len(data) < SMALLEST else "not a model of this version's python -m export"
        raise ModelUnavailable(f"{path} is {kind}; build it anew with: python -m export")
    model = Model(
        proto, hashlib.sha256(data).hexdigest(), metadata.get("nst.weights", ""), metadata.get("nst.pooling", "")
    )
    if wrong := _wrong_tensor(proto):
        raise ModelUnavailable(f"{path} {wrong}; build it anew with: python -m export")
    return model


def _wrong_tensor(proto: onnx.ModelProto) -> str:
    """Return what is wrong with one of the tensors, as a sentence says it after the file's name; empty if nothing is.

    Other programs keep the file's metadata when they change its numbers.
    """
    named = {tensor.name: tensor for tensor in proto.graph.initializer}
    if missing := TENSORS - named.keys():
        return f"lacks {min(missing)}"
    for name in sorted(TENSORS):
        tensor = named[name]
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            return f"has {name} in another file, which isn't read"
        if tensor.data_type != onnx.TensorProto.FLOAT:
            return f"has {name} in other numbers than float32"
        try:
            is_finite = bool(np.isfinite(numpy_helper.to_array(tensor)).all())
        except ValueError:  # its numbers don't have its shape
            is_finite = False
        if not is_finite:
            return f"has a damaged {name}"
    return ""


def _bytes_of(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise ModelUnavailable(f"{path} is no file; build the model with: python -m export")
        return path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"no model at {path} ({error.strerror}); build it with: python -m export") from error


def _kind_of(data: bytes) -> str:
    """Return what a file is that is no model, as a sentence says it after "is"."""
    if not data.strip(b"\0"):
        return "empty"
    if data.startswith(LFS_POINTER):
        return "a Git LFS pointer instead of the file itself, which `git lfs pull` fetches"
    if data.lstrip().startswith(b"<"):
        return "a web page, no ONNX file"
    return "no ONNX file, or not all of one"
