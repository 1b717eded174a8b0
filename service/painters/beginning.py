"""The beginning of a learning: the painter of another style, which knows already how to paint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from service.engine.vgg import VGG
from service.options import TransferOptions
from service.painters.learning import Targets, judge
from service.painters.network import Painter
from service.painters.weights import PainterWeights


def nearest(
    encoder: VGG,
    painters: Iterable[PainterWeights],
    photographs: Tensor,
    targets: Targets,
    options: TransferOptions,
    *,
    on_tick: Callable[[], None] = lambda: None,
) -> dict[str, Tensor]:
    """Return the parameters of the painter whose total is the least for a style; none where there are no painters.

    Args:
        photographs: what the painters are judged on, B x 3 x H x W in [0, 1].
        targets: the style's Gram matrices.
        on_tick: called before each painter.
    """
    least, best = math.inf, {}
    for weights in painters:
        on_tick()
        parameters = {name: torch.tensor(array.astype("float32")) for name, array in weights.weights.items()}
        painter = Painter()
        painter.load_state_dict(parameters)
        total = judge(encoder, painter.to(encoder.device), [photographs], targets, options).total
        if total < least:
            least, best = total, parameters
    return best
