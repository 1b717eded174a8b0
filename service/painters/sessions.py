"""Painting by ONNX Runtime: one pass of a painter's network over a picture."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from cachetools import LRUCache
from PIL import Image

from service.painters.graph import onnx_file
from service.painters.shape import OCTAVES
from service.painters.weights import PainterWeights
from service.pictures.sizes import MIN_SIDE

SESSION = 10 * 2**20  # bytes that a ready painter takes
PAINTER_MEMORY = 16 * SESSION  # bytes of ready painters, by default

Pixels = npt.NDArray[np.float32]
"""H x W x 3, RGB in [0, 1]."""


class File(Protocol):
    """A painter's file of weights; `sha256` is the digest of its bytes."""

    @property
    def sha256(self) -> str: ...
    def read(self) -> bytes: ...


class PainterSession:
    """A painter that is ready to paint.

    Args:
        threads: CPU threads that a picture may take.
    """

    def __init__(self, weights: PainterWeights, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # an arena would keep the memory of the largest picture
        options.enable_mem_pattern = False  # a plan of the arena's memory for every shape
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # an optimisation may run beside it
        self._session = ort.InferenceSession(onnx_file(weights, {}), options, providers=["CPUExecutionProvider"])
        self._largest = round(weights.size * 2**OCTAVES)

    def paint(self, photograph: Pixels) -> Pixels:
        """Paint a photograph of at least 16 pixels along each side.

        A photograph more than an octave larger than the size that the painter learned for is reduced to that limit,
        painted, and enlarged. Then the detail that it lost is added again.
        """
        height, width = photograph.shape[:2]
        if max(height, width) <= self._largest:
            return self._pass(photograph)
        factor = self._largest / max(height, width)
        small = _resized(photograph, max(MIN_SIDE, round(width * factor)), max(MIN_SIDE, round(height * factor)))
        painting = _resized(self._pass(small), width, height)
        painting += photograph
        painting -= _resized(small, width, height)
        return painting.clip(0, 1, out=painting)

    def _pass(self, photograph: Pixels) -> Pixels:
        planes = np.ascontiguousarray(photograph.transpose(2, 0, 1)[None])
        (painting,) = self._session.run(["painting"], {"photograph": planes})
        return np.ascontiguousarray(painting[0].transpose(1, 2, 0))


class Painters:
    """The painters of one process; those that were used last stay ready.

    Args:
        threads: CPU threads that a picture may take.
        memory: bytes of painters that stay ready; the last one that was used always does.
    """

    def __init__(self, threads: int, memory: int = PAINTER_MEMORY) -> None:
        self._threads = threads
        self._sessions: LRUCache[str, PainterSession] = LRUCache(max(1, memory // SESSION))

    @property
    def memory(self) -> int:
        """The bytes that ready painters take."""
        return len(self._sessions) * SESSION

    def paint(self, file: File, photograph: Pixels) -> Pixels:
        """Paint a photograph as PainterSession does.

        Raises:
            UnusablePainter: the file holds no painter.
            StorageError: it can't be read.
        """
        if file.sha256 not in self._sessions:
            self._sessions[file.sha256] = PainterSession(PainterWeights.from_bytes(file.read()), self._threads)
        return self._sessions[file.sha256].paint(photograph)


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Bring pixels to another size channel by channel, without rounding them to 8 bits."""
    channels = [
        np.asarray(Image.fromarray(pixels[..., k]).resize((width, height), Image.Resampling.BICUBIC))
        for k in range(3)
    ]
    return np.stack(channels, axis=2)
