"""Gram matrices of style images by ONNX Runtime."""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnx.utils import Extractor

from service.errors import Unavailable
from service.images import Picture
from service.model import Model

Grams = dict[str, npt.NDArray[np.float32]]
"""Layer -> C x C Gram matrix, divided by the H*W it was taken over."""

SESSIONS = 4  # cut graphs kept ready, one for each set of layers last asked for


class GramExtractor:
    """Runs the model file's `gram_…` outputs.

    ONNX Runtime computes every node of a graph, also those that no wanted output needs, so each set of layers gets
    a session over a graph cut to it.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where it loads and else the CPU.
        threads: CPU threads of a session.

    Raises:
        Unavailable: "cuda" was asked for and does not load.
    """

    def __init__(self, model: Model, device: str, threads: int) -> None:
        self._model = model
        self._cutter = Extractor(model.proto)
        self._options = ort.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are torch's next
        self._options.enable_cpu_mem_arena = False  # and so is the memory, which an arena would keep
        self._sessions: OrderedDict[tuple[str, ...], ort.InferenceSession] = OrderedDict()
        self._providers = _providers(device)
        self.provider = self._session(("relu1_1",)).get_providers()[0]
        """What ONNX Runtime really got: it falls back to the CPU without an error."""
        if device == "cuda" and self.provider != "CUDAExecutionProvider":
            raise Unavailable(f"NST_DEVICE is cuda, but ONNX Runtime only got {self.provider}")

    def grams(self, picture: Picture, layers: Sequence[str]) -> Grams:
        """H x W x 3 uint8 -> the Grams of the layers named."""
        layers = tuple(sorted(layers))
        image = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
        outputs = self._session(layers).run(None, {"image": image})
        return {layer: np.asarray(gram[0]) for layer, gram in zip(layers, outputs, strict=True)}

    def _session(self, layers: tuple[str, ...]) -> ort.InferenceSession:
        if layers not in self._sessions:
            cut = self._cutter.extract_model(["image"], [f"gram_{layer}" for layer in layers])
            self._sessions[layers] = ort.InferenceSession(
                cut.SerializeToString(), self._options, providers=self._providers
            )
        self._sessions.move_to_end(layers)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions[layers]


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu" or (device == "auto" and not _has_cuda_driver()):
        return ["CPUExecutionProvider"]
    ort.preload_dlls()  # cuDNN and CUDA as torch's packages bring them
    return [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]  # Grams are float32's


def _has_cuda_driver() -> bool:
    try:
        return int(ctypes.CDLL("libcuda.so.1").cuInit(0)) == 0
    except OSError:
        return False
