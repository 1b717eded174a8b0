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
    try:
        data = path.read_bytes()
        proto = onnx.load_model_from_string(data)
    except OSError as error:
        raise ModelUnavailable(f"no model at {path} ({error.strerror}); build it with: python -m export") from error
    except DecodeError as error:
        raise ModelUnavailable(f"{path} is no ONNX file; build it anew with: python -m export") from error
    metadata = {p.key: p.value for p in proto.metadata_props}
    if metadata.get("nst.format") != "1":
        raise ModelUnavailable(f"{path} was not built by this version's python -m export; build it anew")
    return Model(proto, hashlib.sha256(data).hexdigest(), metadata["nst.weights"], metadata["nst.pooling"])
