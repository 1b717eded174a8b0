"""How a painter learns: by gradients of the optimiser's objective (Johnson, Alahi & Fei-Fei 2016)."""

from __future__ import annotations

import copy
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from service.engine.evaluation import Evaluation, Recorded, Recorder, recorder_for
from service.engine.losses import Losses, content_loss, style_loss, total_variation
from service.engine.vgg import VGG
from service.options import TransferOptions
from service.painters.adam import Adam
from service.painters.network import Painter

RATE = 3e-3  # of Adam, at its highest
WARM_UP = 20  # steps in which the rate rises to its highest
DECAY_FROM = 0.4  # share of the learning after which the rate falls, until the end
LEAST_RATE = 0.01  # rate at the end, as a share of the highest
MOST_GRADIENT = 1.0  # norm to which longer gradients are clipped
MOST_SKIPPED = 5  # steps in a row whose gradient isn't finite, as it can be for flat pictures; they change nothing
AVERAGE = 0.98  # share of the weights' running average that a step keeps
TERMS = ("content", "style", "tv", "total")

Targets = Mapping[str, Tensor]
"""Style layer -> C x C Gram matrix, divided by the positions that it was taken over."""


def losses(
    encoder: VGG, photographs: Tensor, paintings: Tensor, targets: Targets, options: TransferOptions
) -> dict[str, Tensor]:
    """Return `content`, `style`, `tv` and `total` of paintings, both B x 3 x H x W in [0, 1]; differentiable.

    The style loss compares one Gram matrix over the whole batch: places may differ, as they do in a painting.
    """
    with torch.no_grad():
        wanted = {layer: _as_one(f) for layer, f in encoder.walk(photographs, options.content_layers)}
    content, style = paintings.new_zeros(()), paintings.new_zeros(())
    for layer, features in encoder.walk(paintings, options.layers):
        f = _as_one(features)
        if layer in options.content_layers:
            content = content + options.content_layers[layer] * content_loss(f, wanted[layer], options.loss_scaling)
        if layer in options.style_layers:
            style = style + options.style_layers[layer] * style_loss(f, targets[layer], options.loss_scaling)
    tv = total_variation(paintings)
    total = options.content_weight * content + options.style_weight * style + options.tv_weight * tv
    return {"content": content, "style": style, "tv": tv, "total": total}


def _as_one(features: Tensor) -> Tensor:
    """View B x C x H x W features, channels last, as those of one picture, 1 x C x (B H) x W."""
    batch, channels, height, width = features.shape
    return features.permute(0, 2, 3, 1).reshape(1, batch * height, width, channels).permute(0, 3, 1, 2)


class GradientNotFinite(Exception):
    """The gradient hasn't been finite for too many steps on end; the message says how many."""


class Learner:
    """Painters that learn, with all state that a step changes: one painter, or several with shared convolutions.

    Attributes:
        painters: with their newest weights.
        averages: painters with the running average of the weights, which paint better.
        steps: taken so far.
        rate: Adam's highest rate.
    """

    def __init__(
        self,
        encoder: VGG,
        options: TransferOptions,
        painters: Sequence[Painter],
        rate: float = RATE,
        recorder: Recorder | None = None,
    ) -> None:
        """Begin with the weights that the painters have. `rate` is Adam's highest rate.

        On a GPU gradients are recorded as CUDA graphs, so that a step launches its kernels at once. `recorder` is for
        devices that have none.
        """
        self._encoder = encoder
        self._options = options
        self._recorder = recorder or recorder_for(encoder.device)
        self._gradients: dict[tuple[object, ...], Evaluation] = {}
        self.rate = rate
        self.painters = nn.ModuleList(painters).to(encoder.device)
        self.averages = copy.deepcopy(self.painters).requires_grad_(False)
        self._optimizer = Adam(self.painters.parameters(), rate)
        self.steps = 0
        self._skipped = 0

    @property
    def device(self) -> torch.device:
        return self._encoder.device

    def step(self, photographs: Tensor, targets: Targets, octaves: float, fraction: float, which: int = 0) -> Losses:
        """Take one step of the painter `which` on photographs, B x 3 x H x W; return its losses.

        `fraction` is the share of the whole learning that is done.

        Raises:
            GradientNotFinite: the gradient wasn't finite in more than MOST_SKIPPED steps in a row.
        """
        self._optimizer.rate = self.rate * _pace(self.steps, fraction)
        found, *gradients = self._evaluation(which, octaves, targets, photographs.shape)(photographs.to(self.device))
        self._optimizer.zero_grad()
        for parameter, gradient in zip(self.painters[which].parameters(), gradients, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(self.painters.parameters(), MOST_GRADIENT)
        self._skipped = 0 if norm.isfinite() else self._skipped + 1
        if self._skipped > MOST_SKIPPED:
            raise GradientNotFinite(f"the gradient isn't finite in {self._skipped} steps on end")
        if self._skipped == 0:
            self._optimizer.step()
        self.steps += 1
        share = min(AVERAGE, self.steps / (self.steps + 9))
        newest = [parameter.detach() for parameter in self.painters.parameters()]
        torch._foreach_lerp_(list(self.averages.parameters()), newest, 1 - share)
        return Losses(**dict(zip(TERMS, found.tolist(), strict=True)))

    def _evaluation(self, which: int, octaves: float, targets: Targets, shape: torch.Size) -> Evaluation:
        """Return a function of photographs: TERMS in one tensor, then the gradients of the painter's parameters."""

        # It doesn't know this learner, so that both, and the memory of a graph, are freed with the last reference.
        encoder, options, painter = self._encoder, self._options, self.painters[which]

        def evaluate(photographs: Tensor) -> tuple[Tensor, ...]:
            bfloat16 = encoder.precision == "bfloat16"
            with torch.autocast(photographs.device.type, torch.bfloat16, bfloat16, cache_enabled=False):
                paintings = painter(photographs, octaves)
            terms = losses(encoder, photographs, paintings.float(), targets, options)
            gradients = torch.autograd.grad(terms["total"], list(painter.parameters()))
            return torch.stack([terms[name].detach() for name in TERMS]), *gradients

        if self._recorder is None:
            return evaluate
        key = which, octaves, id(targets), shape  # the function keeps the targets, so that their id stays theirs
        if key not in self._gradients:
            self._gradients[key] = Recorded(evaluate, self._recorder)
        return self._gradients[key]

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, as torch.save takes it. These tensors change with that step."""
        return {name: part.state_dict() for name, part in self._parts().items()} | {"steps": self.steps}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.steps = state["steps"]
        self._skipped = 0
        self._gradients.clear()

    def to_bytes(self) -> bytes:
        """Return the state as a file's bytes."""
        buffer = io.BytesIO()
        torch.save(self.state(), buffer)
        return buffer.getvalue()

    def load(self, data: bytes) -> None:
        """Go on from bytes of `to_bytes`."""
        self.load_state(torch.load(io.BytesIO(data), weights_only=True, map_location=self.device))

    def _parts(self) -> dict[str, Any]:
        return {"painters": self.painters, "averages": self.averages, "optimizer": self._optimizer}


@torch.no_grad()
def judge(
    encoder: VGG, painter: Painter, batches: Sequence[Tensor], targets: Targets, options: TransferOptions
) -> Losses:
    """Return the mean losses of a painter's paintings of batches of photographs, at the size that it learned for."""
    sums: dict[str, float] = {}
    for batch in batches:
        photographs = batch.to(encoder.device)
        for name, term in losses(encoder, photographs, painter(photographs), targets, options).items():
            sums[name] = sums.get(name, 0.0) + float(term) / len(batches)
    return Losses(**sums)


def _pace(steps: int, fraction: float) -> float:
    """Return the rate as a share of the highest: it rises in the first steps and falls along a cosine later."""
    falling = max(0.0, min(1.0, (fraction - DECAY_FROM) / (1 - DECAY_FROM)))
    return min(1.0, (steps + 1) / WARM_UP) * (LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * falling)) / 2)
