"""One transfer, from pictures and Gram targets to the delivered picture."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from service.engine.canvas import to_picture
from service.engine.checkpoint import Checkpoint
from service.engine.guidance import EVERYWHERE, Guidance
from service.engine.initial_image import InitialImages
from service.engine.losses import Losses
from service.engine.optimizer import Step
from service.engine.pyramid import cropped, padded, refined
from service.engine.stage import Grams, Memo, Score, Stage, TransferContext, View
from service.engine.vgg import VGG
from service.errors import Diverged
from service.machine.memory import give_back_memory
from service.network.levels import Level, plan
from service.options import TransferOptions
from service.pictures.images import Picture

GramsAt = Callable[[int], Sequence[Grams]]
"""A level's long edge in pixels -> the Gram targets there, one for each region of the guidance."""


@dataclass(frozen=True)
class Progress:
    """The state after an iteration.

    Attributes:
        iteration: iterations done, of `iterations` over all levels.
        fraction: share of the work that is done, 0 to 1; an iteration at a coarse level counts less.
        level: 0 for the coarsest.
        size: the level's long edge in pixels.
        losses: of the best image so far, at its level.
        picture: returns the best image so far, H x W x 3 uint8 at its level's size.
        checkpoint: returns the checkpoint from which `stylize` can go on.
    """

    iteration: int
    iterations: int
    fraction: float
    level: int
    size: int
    losses: Losses
    picture: Callable[[], Picture]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True)
class Result:
    """The delivered picture.

    Attributes:
        picture: H x W x 3 uint8.
        losses: of `picture` after its rounding to 8 bits, computed in float32.
        iterations: iterations done over all levels.
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
    guidance: Guidance = EVERYWHERE,
    initial_image: Picture | None = None,
    max_whole_pixels: int = sys.maxsize,
    memo: Memo | None = None,
    resume: Checkpoint | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
    on_evaluated: Callable[[int], None] = lambda pixels: None,
) -> Result:
    """Paint the content image in the style whose Grams are given.

    With `resume` it continues an earlier call with the same pictures and options and does the iterations that were
    left. The optimiser remembers only its last step of that call, so the result differs a little. Reports and the
    result count all iterations, including those of the earlier call.

    Args:
        content: H x W x 3 uint8, already of the output's size; `options.size` isn't looked at.
        grams_at: called for each level in turn; returns Grams of all `options.style_layers`.
        guidance: where each region's Grams apply.
        initial_image: where the optimisation begins, H x W x 3 uint8, for the inits "style" and "image".
        max_whole_pixels: pixels of the largest level that is evaluated in one piece; larger ones go tile by tile.
        memo: keeps the content image's features for other transfers of that image.
        resume: from a `Progress.checkpoint`; levels coarser than its own are skipped.
        on_progress: called after every iteration (on CUDA after some of them); what it raises ends the transfer.
        on_tick: called before every evaluation and every other long step; what it raises ends the transfer.
        on_evaluated: called after every evaluation with its pixels, also after that of the delivered picture.

    Raises:
        Diverged: no image with a lower objective could be found, or the delivered picture's losses aren't finite.
        UnusableCheckpoint: `resume` is of another transfer.
    """
    height, width = content.shape[:2]
    levels = plan(width, height, options.levels, options.iterations)
    initial_images = InitialImages(content, initial_image, options, levels, encoder.device)
    begun = resume or _beginning(levels, initial_images[0])
    begun.check_fits(levels)
    meter = _Meter(begun, on_progress)
    context = TransferContext(content, options, guidance, max_whole_pixels, memo, on_tick, on_evaluated)
    trail, stopped = list(torch.split(torch.tensor(begun.trail, device=encoder.device), 1)), begun.stopped
    image = cropped(trail[-1], levels[begun.level].margin)
    for k in range(begun.next_level, len(levels)):
        grams = grams_at(levels[k].size)
        on_tick()
        if k > begun.level:
            meter.next_level()
            image = refined(image, initial_images[k - 1], initial_images[k])
            trail = [padded(image, levels[k].margin)]
        if meter.left:
            _make_room(on_tick)
            del image  # it is large, and the trail holds all that is needed
            image, stopped = Stage(encoder, context, levels[k], grams).paint(
                trail, meter.left, meter.report, gained=meter.done > 0
            )
    on_tick()
    picture, losses = _finished(encoder, context, levels[-1], grams, image)
    return Result(picture, losses, meter.done, stopped or "iterations")


def _finished(
    encoder: VGG, context: TransferContext, level: Level, grams: Sequence[Grams], image: Tensor
) -> tuple[Picture, Losses]:
    """Return the delivered picture and its losses, in float32. Raises Diverged."""
    picture = to_picture(image)
    _make_room(context.on_tick)
    judge = Stage(encoder.exact, context, level, grams)
    context.on_tick()
    return picture, _finite(judge.losses(picture))


def score(
    encoder: VGG,
    content: Picture,
    picture: Picture,
    grams: Sequence[Grams],
    options: TransferOptions,
    *,
    guidance: Guidance = EVERYWHERE,
    max_whole_pixels: int = sys.maxsize,
    on_tick: Callable[[], None] = lambda: None,
    on_evaluated: Callable[[int], None] = lambda pixels: None,
) -> Score:
    """Return the losses of any picture against a content image and Grams, computed in float32.

    Both pictures are H x W x 3 uint8 of one size; all other arguments are as in `stylize`.

    Raises:
        Diverged: the losses aren't finite.
    """
    height, width = content.shape[:2]
    context = TransferContext(content, options, guidance, max_whole_pixels, None, on_tick, on_evaluated)
    found = Stage(encoder.exact, context, Level(width, height, margin=0, iterations=0), grams).score(picture)
    _finite(found.losses)
    return found


def _finite(losses: Losses) -> Losses:
    """Return the losses. Raise Diverged if one isn't finite: neither callers nor JSON can use it."""
    wrong = [f"{name} {value:g}" for name, value in vars(losses).items() if not math.isfinite(value)]
    if wrong:
        raise Diverged(f"its losses aren't finite ({', '.join(wrong)}): a weight or a Gram matrix is too large")
    return losses


def _beginning(levels: Sequence[Level], initial_image: Tensor) -> Checkpoint:
    trail = padded(initial_image, levels[0].margin).cpu().numpy()
    return Checkpoint(tuple(levels), level=0, iteration=0, before=0, stopped="", trail=trail)


class _Meter:
    """A count of iterations over the levels, from a checkpoint on, that reports them."""

    def __init__(self, begun: Checkpoint, on_progress: Callable[[Progress], None]) -> None:
        self.done = begun.before + begun.iteration
        self.left = begun.left  # iterations that the level still had when it was begun or resumed
        self._plan = begun.plan
        self._level = begun.level
        self._before = begun.before
        self._offset = begun.iteration  # iterations that the level had behind it then
        self._on_progress = on_progress

    def next_level(self) -> None:
        self._level += 1
        self.left = self._plan[self._level].iterations
        self._before, self._offset = self.done, 0

    def report(self, step: Step, view: View) -> None:
        """Report a step of the level, counted from where the level was begun or resumed."""
        iteration = self._offset + step.iteration
        self.done = self._before + iteration
        place = (self._plan, self._level, iteration, self._before, step.stopped or "")
        progress = Progress(
            iteration=self.done,
            iterations=sum(level.iterations for level in self._plan),
            fraction=self._fraction(iteration),
            level=self._level,
            size=self._plan[self._level].size,
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


def _make_room(on_tick: Callable[[], None]) -> None:
    """Give back the memory of the style pass and of the stage before, which is half of all memory at 2048 px."""
    give_back_memory()
    on_tick()
