"""Painting by ONNX Runtime: one pass of a painter's network over a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from service.painters.weights import PainterWeights

Pixels = npt.NDArray[np.float32]
"""H x W x 3, RGB in [0, 1]."""


class PainterSession:
    """A painter that is ready to paint.

    Args:
        threads: CPU threads that a picture may take.
    """

    def __init__(self, weights: PainterWeights, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # which would keep the memory of the largest picture
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # an optimisation may run beside it
        self._session = ort.InferenceSession(weights.to_onnx({}), options, providers=["CPUExecutionProvider"])

    def paint(self, photograph: Pixels) -> Pixels:
        """Paint a photograph of at least 16 pixels along each side."""
        planes = np.ascontiguousarray(photograph.transpose(2, 0, 1)[None])
        (painting,) = self._session.run(["painting"], {"photograph": planes})
        return np.ascontiguousarray(painting[0].transpose(1, 2, 0))
