"""Repeated evaluation of a function at new values of one tensor: called directly, or recorded once and replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Evaluation = Callable[[Tensor], tuple[Tensor, ...]]
"""A tensor -> tensors whose shapes never change."""

WARM_UPS = 3  # runs before a recording, in which cuDNN chooses its algorithms and the allocator gets its memory


class Recorder(Protocol):
    """A way to record a computation over memory that stays where it is."""

    def record(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
        """Return a function that replays the computation, and the tensors that each replay writes to."""


class CudaGraphs:
    """A recorder of CUDA graphs: a replay launches all of a level's kernels, forward and backward, at once."""

    def record(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[Callable[[], None], tuple[Tensor, ...]]:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = run()
        return graph.replay, outputs


class Recorded:
    """An evaluation that is recorded at its first call and replayed at every call, with copies in and out."""

    def __init__(self, evaluation: Evaluation, recorder: Recorder) -> None:
        self._evaluation = evaluation
        self._recorder = recorder
        self._input: Tensor | None = None

    def __call__(self, value: Tensor) -> tuple[Tensor, ...]:
        if self._input is None:
            memory = self._input = value.clone()
            self._replay, self._outputs = self._recorder.record(lambda: self._evaluation(memory))
        self._input.copy_(value)
        self._replay()
        return tuple(output.clone() for output in self._outputs)


def recorder_for(device: torch.device) -> Recorder | None:
    """Return CUDA graphs for a GPU; None for a CPU, which has nothing to gain."""
    return CudaGraphs() if device.type == "cuda" else None
