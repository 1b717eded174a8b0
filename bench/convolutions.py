"""Seconds of one evaluation of the objective with its gradient, divided by the seconds of its convolutions.

The convolutions conv1_1 to conv5_1 are timed one by one, forward and backward (only the gradient of the data), on
tensors of the evaluation's sizes, precision and layout, and summed. The part of the quotient above 1 is everything
else in an iteration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from bench import engine
from bench.measure import fastest
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.engine.precision import PRECISIONS
from service.network.layers import LAYERS

TITLE = "An evaluation with its gradient, over its convolutions alone"
COLUMNS = ("long edge", "precision", "convolutions, forward", "backward", "evaluation", "evaluation / convolutions")


def measure(plan: Plan) -> Results:
    """Return seconds, the fastest of the plan's repeats of each part."""
    pictures = pair(plan.pair).at(plan.middle)
    precision = engine.precision()
    height, width = pictures.content.shape[:2]
    forward, backward = 0.0, 0.0
    with torch.no_grad():
        for weight, bias, rows, columns in _convolutions(engine.model().parameters(), precision, height, width):
            there, back = _timed(weight, bias, rows, columns, plan.repeats)
            forward, backward = forward + there, backward + back
    evaluation = fastest(engine.evaluation(pictures, plan.options(plan.middle)), plan.repeats)
    return {
        "pair": plan.pair,
        "size": plan.middle,
        "precision": precision,
        "forward_s": forward,
        "backward_s": backward,
        "evaluation_s": evaluation,
    }


def _convolutions(
    parameters: Mapping[str, npt.NDArray[np.float32]], precision: str, height: int, width: int
) -> Iterator[tuple[Tensor, Tensor, int, int]]:
    """Return weight, bias, height and width of each convolution up to conv5_1."""
    dtype = PRECISIONS[precision]
    for layer in LAYERS[: LAYERS.index("relu5_1") + 1]:
        name = layer.replace("relu", "conv")
        if name.endswith("_1") and name != "conv1_1":
            height, width = height // 2, width // 2
        weight, bias = (torch.tensor(parameters[f"{name}.{part}"]).to(dtype) for part in ("weight", "bias"))
        yield weight.contiguous(memory_format=torch.channels_last), bias, height, width


def _timed(weight: Tensor, bias: Tensor, height: int, width: int, repeats: int) -> tuple[float, float]:
    """Return the seconds of one convolution forward, and of its data's gradient."""
    x = torch.rand(1, weight.shape[1], height, width).to(weight.dtype).contiguous(memory_format=torch.channels_last)
    gradient = torch.rand_like(F.conv2d(x, weight, bias, padding=1))

    def back() -> object:
        one, none, data_only = [1, 1], [0, 0], [True, False, False]
        return torch.ops.aten.convolution_backward(
            gradient, x, weight, None, one, one, one, False, none, 1, data_only
        )  # fmt: skip

    return fastest(lambda: F.conv2d(x, weight, bias, padding=1), repeats), fastest(back, repeats)


def render(results: Results) -> str:
    """Write a table of one row."""
    forward, backward, evaluation = (results[f"{part}_s"] for part in ("forward", "backward", "evaluation"))
    quotient = f"{evaluation / (forward + backward):.2f}"
    cells = [seconds(value) for value in (forward, backward, evaluation)]
    return table(COLUMNS, [[f"{results['size']} px", results["precision"], *cells, quotient]])
