"""One transfer, from pictures and Gram targets to the picture that is delivered. This is also the Python API."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service import images
from service.engine.canvas import Canvas, canvas_for, to_picture, to_tensor
from service.engine.checkpoint import Checkpoint, Trail
from service.engine.evaluation import recorder_for
from service.engine.first import FirstImages
from service.engine.guidance import EVERYWHERE, Guidance
from service.engine.heap import give_back_memory
from service.engine.losses import Losses, Objective, StyleTarget, as_losses, total_variation
from service.engine.optimizer import Step, minimize
from service.engine.options import TransferOptions
from service.engine.problem import Problem
from service.engine.pyramid import Level, cropped, padded, plan, refined
from service.engine.tiled import TiledObjective, encode_tiled
from service.engine.vgg import VGG
from service.geometry import layer_masks
from service.images import Picture

NEGLIGIBLE = {"float32": 1e-7, "bfloat16": 2e-4}  # of the objective's scale: what is below it is rounding
REPORT_EVERY = {"cpu": 1, "cuda": 8}  # iterations; each report waits for the device

Grams = Mapping[str, npt.NDArray[np.float32]]
"""Layer -> C x C Gram target, divided by the H*W it was taken over."""

GramsAt = Callable[[int], Sequence[Grams]]
"""A level's long edge in pixels -> the Gram targets there, one for each region of the guidance."""

Memo = dict[tuple[object, ...], dict[str, Tensor]]
"""The content image's features at each level, for all transfers of that image."""

TILE = 896  # pixels along each side that a tile sees


@dataclass(frozen=True)
class Progress:
    """The state after an iteration: the losses are those of the best image so far, at its level.

    Attributes:
        iteration: of `iterations` over all levels.
        fraction: of the iterations' work, 0 to 1; an iteration at a coarse level is less of it.
        level: 0 for the coarsest.
        picture: gives the image so far, H x W x 3 uint8 at its level's size.
        checkpoint: gives what `stylize` goes on from.
    """

    iteration: int
    iterations: int
    fraction: float
    level: int
    losses: Losses
    picture: Callable[[], Picture]
    checkpoint: Callable[[], Checkpoint]


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


@dataclass(frozen=True)
class Score:
    """The losses of a picture: the sums, and of each content and style layer its own, before its weight."""

    losses: Losses
    content: Mapping[str, float]
    style: Mapping[str, float]


def stylize(
    encoder: VGG,
    content: Picture,
    grams_at: GramsAt,
    options: TransferOptions,
    *,
    guidance: Guidance = EVERYWHERE,
    first: Picture | None = None,
    whole: int = sys.maxsize,
    memo: Memo | None = None,
    resume: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Result:
    """Paints the content image in the style whose Grams are given.

    With `resume` it goes on where another call with the same pictures and options was, with the iterations that were
    left there. Of what the optimiser had learnt all but its last step is lost, so that the result differs a little.
    What is reported and returned counts all iterations, those before too.

    Args:
        content: H x W x 3 uint8, already of the output's size; `options.size` isn't looked at.
        grams_at: asked for each level in turn, for each of `options.style_layers`.
        guidance: where which of these Grams go.
        whole: pixels that are evaluated in one piece at most; larger levels are evaluated tile by tile.
        memo: where the content image's features are kept and found again.
        first: the first image, H x W x 3 uint8, for the inits "style" and "image".
        resume: from a `Progress.checkpoint`; coarser levels than its own aren't gone through any more.
        on_progress: called after every iteration (on CUDA after some of them); what it raises ends the transfer.
        on_tick: called before every evaluation and every other long step; likewise.

    Raises:
        Diverged: no image with a lower objective could be found.
        UnusableCheckpoint: `resume` is of another transfer.
    """
    height, width = content.shape[:2]
    levels = plan(width, height, options.levels, options.iterations)
    firsts = FirstImages(content, first, options, levels, encoder.device)
    begun = resume or _beginning(levels, firsts[0])
    begun.check_fits(levels)
    meter = _Meter(begun, on_progress)
    setting = _Setting(content, options, guidance, whole, memo, on_tick)
    trail, stopped = list(torch.split(torch.tensor(begun.trail, device=encoder.device), 1)), begun.stopped
    image = cropped(trail[-1], levels[begun.level].margin)
    for k in range(begun.next_level, len(levels)):
        grams = grams_at(levels[k].size)
        on_tick()
        if k > begun.level:
            meter.next_level()
            image = refined(image, firsts[k - 1], firsts[k])
            trail = [padded(image, levels[k].margin)]
        if meter.left:
            _make_room(on_tick)
            del image  # the trail is all that counts, and it is taken over
            image, stopped = _Stage(encoder, setting, levels[k], grams).paint(trail, meter)
    on_tick()
    picture = to_picture(image)
    _make_room(on_tick)
    judge = _Stage(encoder.exact, setting, levels[-1], grams)
    on_tick()
    return Result(picture, judge.losses(picture), meter.done, stopped or "iterations")


def score(
    encoder: VGG,
    content: Picture,
    picture: Picture,
    grams: Sequence[Grams],
    options: TransferOptions,
    *,
    guidance: Guidance = EVERYWHERE,
    whole: int = sys.maxsize,
    on_tick: Callable[[], None] = lambda: None,
) -> Score:
    """The losses of any picture, in float32; both pictures H x W x 3 uint8 of one size, all else as in `stylize`."""
    height, width = content.shape[:2]
    setting = _Setting(content, options, guidance, whole, None, on_tick)
    return _Stage(encoder.exact, setting, Level(width, height, margin=0, iterations=0), grams).score(picture)


def _beginning(levels: Sequence[Level], first: Tensor) -> Checkpoint:
    trail = padded(first, levels[0].margin).cpu().numpy()
    return Checkpoint(tuple(levels), level=0, iteration=0, before=0, stopped="", trail=trail)


class _Meter:
    """Counts iterations and work over the levels, from a checkpoint on, and reports them."""

    def __init__(self, begun: Checkpoint, on_progress: Callable[[Progress], None]) -> None:
        self.done = begun.before + begun.iteration
        self.left = begun.left  # iterations that the level still had when it was begun or gone on with
        self._plan = begun.plan
        self._level = begun.level
        self._before = begun.before
        self._offset = begun.iteration  # of the level, likewise
        self._on_progress = on_progress

    def next_level(self) -> None:
        self._level += 1
        self.left = self._plan[self._level].iterations
        self._before, self._offset = self.done, 0

    def report(self, step: Step, view: _View) -> None:
        """A step of the level, counted from where that was begun or gone on with."""
        iteration = self._offset + step.iteration
        self.done = self._before + iteration
        place = (self._plan, self._level, iteration, self._before, step.stopped or "")
        progress = Progress(
            iteration=self.done,
            iterations=sum(level.iterations for level in self._plan),
            fraction=self._fraction(iteration),
            level=self._level,
            losses=step.losses,
            picture=lambda: to_picture(view.image()),
            checkpoint=lambda: Checkpoint(*place, view.trail()),
        )
        self._on_progress(progress)

    def _fraction(self, iteration: int) -> float:
        here = self._plan[self._level]
        work: float = sum(level.work for level in self._plan[: self._level])
        work += here.work * iteration / here.iterations
        return work / sum(level.work for level in self._plan)


class _View:
    """What can be seen of a step. It keeps no more of its stage than that: whoever keeps a Progress keeps this."""

    def __init__(self, canvas: Canvas, margin: int, step: Step) -> None:
        self._canvas = canvas
        self._margin = margin
        self._previous = step.previous
        self._variable = step.point.variable

    def image(self) -> Tensor:
        """1 x 3 x H x W without the margin."""
        return cropped(self._canvas.image(self._variable), self._margin)

    def trail(self) -> Trail:
        variables = torch.cat([self._previous, self._variable])
        return self._canvas.image(variables).cpu().numpy()


@dataclass(frozen=True, eq=False)
class _Setting:
    """What all levels of a transfer have in common."""

    content: Picture
    options: TransferOptions
    guidance: Guidance
    whole: int
    memo: Memo | None
    on_tick: Callable[[], None]


class _Stage:
    """A transfer at one level: its content, canvas and objective, with the level's margin around them."""

    def __init__(self, encoder: VGG, setting: _Setting, level: Level, grams: Sequence[Grams]) -> None:
        self._encoder = encoder
        self._setting = setting
        self._level = level
        self._options = setting.options
        self._device = encoder.device
        self._is_tiled = level.pixels > setting.whole
        small = to_tensor(images.resize(setting.content, level.width, level.height), self._device)
        inside = padded(small, level.margin)
        protect = setting.guidance.protected(level.width, level.height, level.margin)
        self._canvas = canvas_for(
            self._options.color, inside, None if protect is None else torch.tensor(protect, device=self._device)
        )
        seen = self._canvas.seen(self._canvas.variable(inside))
        self._objective = self._make_objective(self._features(seen), self._targets(grams))

    def _features(self, seen: Tensor) -> dict[str, Tensor]:
        """The content image's."""
        layers = self._options.content_layers
        memo = {} if self._setting.memo is None else self._setting.memo
        key = (self._encoder.precision, self._level, self._options.color == "luminance", tuple(sorted(layers)))
        if key not in memo:
            with torch.no_grad():
                memo[key] = (
                    encode_tiled(self._encoder, seen, layers, TILE, self._setting.on_tick)
                    if self._is_tiled
                    else self._encoder(seen, layers)
                )
        return memo[key]

    def _targets(self, grams: Sequence[Grams]) -> list[StyleTarget]:
        masks = self._setting.guidance.weights(self._level.width, self._level.height, self._level.margin)
        return [
            StyleTarget(self._tensors(targets), None if mask is None else self._tensors(layer_masks(mask, targets)))
            for targets, mask in zip(grams, masks, strict=True)
        ]

    def _tensors(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Tensor]:
        return {layer: torch.tensor(array, device=self._device) for layer, array in arrays.items()}

    def _make_objective(self, content: dict[str, Tensor], styles: list[StyleTarget]) -> Objective:
        if self._is_tiled:
            return TiledObjective(
                self._encoder, content, styles, self._options, side=TILE, on_tick=self._setting.on_tick
            )
        return Objective(self._encoder, content, styles, self._options)

    def paint(self, trail: list[Tensor], meter: _Meter) -> tuple[Tensor, str]:
        """One or two images to go on from, the newest last, with the margin -> the level's image, 1 x 3 x H x W
        without it, and why it ended. The list is emptied: images are large."""
        for step in self._run(trail, meter):
            view = _View(self._canvas, self._level.margin, step)
            meter.report(step, view)
        return view.image(), step.stopped or "iterations"

    def _run(self, trail: list[Tensor], meter: _Meter) -> Iterator[Step]:
        problem = Problem(
            lambda variable: self._objective.losses(self._canvas.seen(variable), self._canvas.image(variable)),
            self._canvas.lower,
            self._canvas.upper,
            scale=self._objective.scale(),
            negligible=NEGLIGIBLE[self._encoder.precision],
            recorder=None if self._is_tiled else recorder_for(self._device),
            is_large=self._is_tiled,
        )
        *previous, variable = map(self._canvas.variable, trail)
        trail.clear()
        return minimize(
            problem,
            variable,
            self._options.optimizer,
            meter.left,
            tolerance=self._options.tolerance,
            every=REPORT_EVERY[self._device.type],
            gained=meter.done > 0,
            previous=previous[0] if previous else None,
            on_tick=self._setting.on_tick,
        )

    def losses(self, picture: Picture) -> Losses:
        """Of a picture of the level's size, H x W x 3 uint8; only where there is no margin."""
        return self.score(picture).losses

    def score(self, picture: Picture) -> Score:
        """The same, and those of each layer."""
        image = to_tensor(picture, self._device)
        with torch.no_grad():
            seen = self._canvas.seen(self._canvas.variable(image))
            content, style = self._objective.by_layer(seen)
            losses = as_losses(self._objective.summed(content, style, total_variation(image)))
        return Score(losses, *({k: float(loss) for k, loss in terms.items()} for terms in (content, style)))


def _make_room(on_tick: Callable[[], None]) -> None:
    """Gives back what the style pass and the stage before took: at 2048 px it is half of all."""
    give_back_memory()
    on_tick()
