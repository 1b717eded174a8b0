"""One transfer, from pictures and Gram targets to the picture that is delivered. This is also the Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service import images
from service.engine.canvas import canvas_for, to_picture, to_tensor
from service.engine.evaluation import recorder_for
from service.engine.heap import give_back_memory
from service.engine.losses import Losses, Objective
from service.engine.optimizer import Step, minimize
from service.engine.options import TransferOptions
from service.engine.problem import Problem
from service.engine.pyramid import Level, cropped, enlarged, padded, plan, refined
from service.engine.vgg import VGG
from service.images import Picture

NEGLIGIBLE = {"float32": 1e-7, "bfloat16": 2e-4}  # of the objective's scale: what is below it is rounding
REPORT_EVERY = {"cpu": 1, "cuda": 8}  # iterations; each report waits for the device

Grams = Mapping[str, npt.NDArray[np.float32]]
"""Layer -> C x C Gram target, divided by the H*W it was taken over."""

GramsAt = Callable[[int], Grams]
"""A level's long edge in pixels -> the Gram targets there."""


@dataclass(frozen=True)
class Progress:
    """The state after an iteration: the losses are those of the best image so far, at its level.

    Attributes:
        fraction: of the iterations' work, 0 to 1; an iteration at a coarse level is less of it.
        picture: gives the image so far, H x W x 3 uint8 at its level's size.
    """

    iteration: int
    iterations: int
    fraction: float
    losses: Losses
    picture: Callable[[], Picture]


@dataclass(frozen=True)
class Result:
    """The delivered picture.

    Attributes:
        picture: H x W x 3 uint8.
        losses: of `picture` as it is, 8 bits and all, in float32.
        iterations: how many were done, over all levels.
        stopped: why the finest level ended: "iterations", "converged" or "stalled".
    """

    picture: Picture
    losses: Losses
    iterations: int
    stopped: str


def stylize(
    encoder: VGG,
    content: Picture,
    grams_at: GramsAt,
    options: TransferOptions,
    *,
    first: Picture | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Result:
    """Paints the content image in the style whose Grams are given.

    Args:
        content: H x W x 3 uint8, already of the output's size; `options.size` isn't looked at.
        grams_at: asked for each level in turn, for each of `options.style_layers`.
        first: the first image, H x W x 3 uint8, for the inits "style" and "image".
        on_progress: called after every iteration (on CUDA after some of them); what it raises ends the transfer.
        on_tick: called before every evaluation; likewise.

    Raises:
        Diverged: no image with a lower objective could be found.
    """
    height, width = content.shape[:2]
    levels = plan(width, height, options.levels, options.iterations)
    firsts = _first_images(content, first, options, levels, encoder.device)
    meter = _Meter(levels, options.iterations, on_progress)
    image, stopped = firsts[0], "iterations"
    for k, level in enumerate(levels):
        grams = grams_at(level.size)
        on_tick()
        if options.iterations:
            start = refined(image, firsts[k - 1], firsts[k]) if k else image
            image, stopped = _stage(encoder, content, level, grams, options).paint(start, meter, on_tick)
    on_tick()
    picture = to_picture(image)
    judge = _stage(encoder.exact, content, levels[-1], grams, options)
    on_tick()
    return Result(picture, judge.losses(picture), meter.done, stopped)


class _Meter:
    """Counts iterations and work over the levels, and reports them."""

    def __init__(self, levels: Sequence[Level], iterations: int, on_progress: Callable[[Progress], None]) -> None:
        self.done = 0
        self._work = 0.0
        self._all_work = sum(level.work for level in levels)
        self._iterations = iterations
        self._on_progress = on_progress

    def report(self, level: Level, step: Step, image: Callable[[], Tensor]) -> None:
        share = step.iteration / max(1, level.iterations)
        fraction = (self._work + level.work * share) / self._all_work
        progress = Progress(
            self.done + step.iteration, self._iterations, fraction, step.losses, lambda: to_picture(image())
        )
        self._on_progress(progress)

    def pass_level(self, level: Level, step: Step) -> None:
        self.done += step.iteration
        self._work += level.work


class _Stage:
    """A transfer at one level: its content, canvas and objective, with the level's margin around them."""

    def __init__(
        self,
        encoder: VGG,
        content: Picture,
        level: Level,
        grams: Grams,
        options: TransferOptions,
    ) -> None:
        self._level = level
        self._options = options
        self._device = encoder.device
        self._precision = encoder.precision
        small = to_tensor(images.resize(content, level.width, level.height), self._device)
        inside = padded(small, level.margin)
        self._canvas = canvas_for(options.color, inside)
        targets = {layer: torch.tensor(gram, device=self._device) for layer, gram in grams.items()}
        self._objective = Objective(encoder, self._canvas.seen(self._canvas.variable(inside)), targets, options)

    def paint(self, start: Tensor, meter: _Meter, on_tick: Callable[[], None]) -> tuple[Tensor, str]:
        """First image -> the level's image, both 1 x 3 x H x W without the margin, and why it ended."""
        for step in self._run(start, meter.done > 0, on_tick):
            meter.report(self._level, step, partial(self._image, step))
        meter.pass_level(self._level, step)
        return self._image(step), step.stopped or "iterations"

    def _run(self, start: Tensor, gained: bool, on_tick: Callable[[], None]) -> Iterator[Step]:
        problem = Problem(
            lambda variable: self._objective.losses(self._canvas.seen(variable), self._canvas.image(variable)),
            self._canvas.lower,
            self._canvas.upper,
            scale=self._objective.scale(),
            negligible=NEGLIGIBLE[self._precision],
            recorder=recorder_for(self._device),
        )
        return minimize(
            problem,
            self._canvas.variable(padded(start, self._level.margin)),
            self._options.optimizer,
            self._level.iterations,
            tolerance=self._options.tolerance,
            every=REPORT_EVERY[self._device.type],
            gained=gained,
            on_tick=on_tick,
        )

    def _image(self, step: Step) -> Tensor:
        return cropped(self._canvas.image(step.point.variable), self._level.margin)

    def losses(self, picture: Picture) -> Losses:
        """Of a picture of the level's size, H x W x 3 uint8; only where there is no margin."""
        variable = self._canvas.variable(to_tensor(picture, self._device))
        return self._objective.evaluate(self._canvas.seen(variable), self._canvas.image(variable))


def _stage(encoder: VGG, content: Picture, level: Level, grams: Grams, options: TransferOptions) -> _Stage:
    """A new stage. What the one before and the style pass took is given back first: at 2048 px it is half of all."""
    give_back_memory()
    return _Stage(encoder, content, level, grams, options)


def _first_images(
    content: Picture, given: Picture | None, options: TransferOptions, levels: Sequence[Level], device: torch.device
) -> list[Tensor]:
    """The first image at each level, 1 x 3 x H x W. Noise is the coarsest level's, without detail for the finer."""
    picture = _first_picture(content, given, options, levels[0])
    firsts = [to_tensor(images.resize(picture, level.width, level.height), device) for level in levels]
    if options.init == "random":
        for k in range(1, len(firsts)):
            firsts[k] = enlarged(firsts[k - 1], firsts[k])
    return firsts


def _first_picture(content: Picture, given: Picture | None, options: TransferOptions, coarsest: Level) -> Picture:
    if options.init == "content":
        return content
    if options.init == "random":
        shape = (coarsest.height, coarsest.width, 3)
        noise = np.random.default_rng(options.seed).integers(0, 256, shape, dtype=np.uint8)
        return np.asarray(noise)
    if given is None:
        raise ValueError(f"init {options.init!r} needs a first image")
    return images.cover(given, content.shape[1], content.shape[0])
