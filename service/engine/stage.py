"""A transfer at one of its levels: what is optimised there, and the losses of pictures of that size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service.engine.canvas import Canvas, canvas_for, to_tensor
from service.engine.checkpoint import Trail
from service.engine.evaluation import recorder_for
from service.engine.guidance import Guidance
from service.engine.losses import Losses, Objective, StyleTarget, as_losses, total_variation
from service.engine.optimizer import Step, minimize
from service.engine.problem import Problem
from service.engine.pyramid import cropped, padded
from service.engine.tiled import TiledObjective, encode_tiled
from service.engine.vgg import VGG
from service.network.geometry import layer_masks
from service.network.levels import Level
from service.options import TransferOptions
from service.pictures import images
from service.pictures.images import Picture

NEGLIGIBLE = {"float32": 1e-7, "bfloat16": 2e-4}  # of the objective's scale: what is below it is rounding
REPORT_EVERY = {"cpu": 1, "cuda": 8}  # iterations; each report waits for the device

Grams = Mapping[str, npt.NDArray[np.float32]]
"""Layer -> C x C Gram target, divided by the H*W it was taken over."""

Memo = dict[tuple[object, ...], dict[str, Tensor]]
"""The content image's features at each level, for all transfers of that image."""

TILE = 896  # pixels along each side that a tile sees


@dataclass(frozen=True)
class Score:
    """The losses of a picture: the sums, and the loss of each content and style layer before its weight."""

    losses: Losses
    content: Mapping[str, float]
    style: Mapping[str, float]


class View:
    """The image of a step. It doesn't refer to its stage, so that a caller who keeps a Progress keeps no stage."""

    def __init__(self, canvas: Canvas, margin: int, step: Step) -> None:
        self._canvas = canvas
        self._margin = margin
        self._previous = step.previous
        self._variable = step.point.variable

    def image(self) -> Tensor:
        """Return the image, 1 x 3 x H x W, without the margin."""
        return cropped(self._canvas.image(self._variable), self._margin)

    def trail(self) -> Trail:
        variables = torch.cat([self._previous, self._variable])
        return self._canvas.image(variables).cpu().numpy()


@dataclass(frozen=True, eq=False)
class TransferContext:
    """Inputs that all levels of a transfer have in common."""

    content: Picture
    options: TransferOptions
    guidance: Guidance
    max_whole_pixels: int
    memo: Memo | None
    on_tick: Callable[[], None]
    on_evaluated: Callable[[int], None]


class Stage:
    """A transfer at one level: its content, canvas and objective, with the level's margin around them."""

    def __init__(self, encoder: VGG, context: TransferContext, level: Level, grams: Sequence[Grams]) -> None:
        self._encoder = encoder
        self._context = context
        self._level = level
        self._options = context.options
        self._device = encoder.device
        self._is_tiled = level.pixels > context.max_whole_pixels
        small = to_tensor(images.resize(context.content, level.width, level.height), self._device)
        inside = padded(small, level.margin)
        protect = context.guidance.protected(level.width, level.height, level.margin)
        self._canvas = canvas_for(
            self._options.color, inside, None if protect is None else torch.tensor(protect, device=self._device)
        )
        seen = self._canvas.seen(self._canvas.variable(inside))
        self._objective = self._make_objective(self._features(seen), self._targets(grams))

    def _features(self, seen: Tensor) -> dict[str, Tensor]:
        """Return the content image's features."""
        layers = self._options.content_layers
        memo = {} if self._context.memo is None else self._context.memo
        place = (self._level.width, self._level.height, self._level.margin)
        key = (self._encoder.precision, place, self._options.color == "luminance", tuple(sorted(layers)))
        if key not in memo:
            with torch.no_grad():
                memo[key] = (
                    encode_tiled(self._encoder, seen, layers, TILE, self._context.on_tick)
                    if self._is_tiled
                    else self._encoder(seen, layers, self._context.on_tick)
                )
        return memo[key]

    def _targets(self, grams: Sequence[Grams]) -> list[StyleTarget]:
        masks = self._context.guidance.weights(self._level.width, self._level.height, self._level.margin)
        targets = []
        for gram, mask in zip(grams, masks, strict=True):
            self._context.on_tick()
            weights = None if mask is None else self._tensors(layer_masks(mask, gram))
            targets.append(StyleTarget(self._tensors(gram), weights))
        return targets

    def _tensors(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Tensor]:
        return {layer: torch.tensor(array, device=self._device) for layer, array in arrays.items()}

    def _make_objective(self, content: dict[str, Tensor], styles: list[StyleTarget]) -> Objective:
        if self._is_tiled:
            return TiledObjective(
                self._encoder, content, styles, self._options, side=TILE, on_tick=self._context.on_tick
            )
        return Objective(self._encoder, content, styles, self._options)

    def paint(
        self, trail: list[Tensor], iterations: int, report: Callable[[Step, View], None], *, gained: bool
    ) -> tuple[Tensor, str]:
        """Return the level's image, 1 x 3 x H x W without the margin, and why it ended.

        `trail` has one or two images to go on from, the newest last, with the margin. The list is emptied, because
        images are large.
        """
        for step in self._run(trail, iterations, gained):
            view = View(self._canvas, self._level.margin, step)
            report(step, view)
        return view.image(), step.stopped or "iterations"

    def _run(self, trail: list[Tensor], iterations: int, gained: bool) -> Iterator[Step]:
        problem = Problem(
            lambda variable: self._objective.losses(self._canvas.seen(variable), self._canvas.image(variable)),
            self._canvas.lower,
            self._canvas.upper,
            scale=self._objective.scale(),
            negligible=NEGLIGIBLE[self._encoder.precision],
            recorder=None if self._is_tiled else recorder_for(self._device),
            is_large=self._is_tiled,
            on_evaluated=partial(self._context.on_evaluated, self._level.pixels),
        )
        *previous, variable = map(self._canvas.variable, trail)
        trail.clear()
        return minimize(
            problem,
            variable,
            self._options.optimizer,
            iterations,
            tolerance=self._options.tolerance,
            every=REPORT_EVERY[self._device.type],
            gained=gained,
            previous=previous[0] if previous else None,
            on_tick=self._context.on_tick,
        )

    def losses(self, picture: Picture) -> Losses:
        """Return the losses of a picture of the level's size, H x W x 3 uint8; only for a level without a margin."""
        return self.score(picture).losses

    def score(self, picture: Picture) -> Score:
        """Return a picture's losses and those of each layer; the picture is as for `losses`."""
        image = to_tensor(picture, self._device)
        with torch.no_grad():
            seen = self._canvas.seen(self._canvas.unbounded(image))
            content, style = self._objective.by_layer(seen, self._context.on_tick)
            losses = as_losses(self._objective.summed(content, style, total_variation(image)))
        self._context.on_evaluated(self._level.pixels)
        return Score(losses, *({k: float(loss) for k, loss in terms.items()} for terms in (content, style)))
