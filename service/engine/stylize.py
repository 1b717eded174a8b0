"""One transfer, from pictures and Gram targets to the picture that is delivered. This is also the Python API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from service import images
from service.engine.canvas import canvas_for
from service.engine.losses import Losses, Objective
from service.engine.optimizer import Problem, minimize
from service.engine.options import TransferOptions
from service.engine.vgg import VGG
from service.images import Picture

NEGLIGIBLE = 1e-7  # of the objective's scale: below it, float32 knows no direction down


@dataclass(frozen=True)
class Progress:
    """The state after an iteration: the losses are those of the best image so far."""

    iteration: int
    iterations: int
    losses: Losses


@dataclass(frozen=True)
class Result:
    """The delivered picture.

    Attributes:
        picture: H x W x 3 uint8.
        losses: of `picture` as it is, 8 bits and all, in float32.
        iterations: how many were done.
        stopped: "iterations", "converged" or "stalled".
    """

    picture: Picture
    losses: Losses
    iterations: int
    stopped: str


def stylize(
    encoder: VGG,
    content: Picture,
    grams: Mapping[str, npt.NDArray[np.float32]],
    options: TransferOptions,
    *,
    first: Picture | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_tick: Callable[[], None] = lambda: None,
) -> Result:
    """Paints the content image in the style whose Grams are given.

    Args:
        content: H x W x 3 uint8, already of the output's size; `options.size` isn't looked at.
        grams: layer -> C x C, divided by the H*W it was taken over, for each of `options.style_layers`.
        first: the first image, H x W x 3 uint8, for the inits "style" and "image".
        on_progress: called after every iteration; what it raises ends the transfer.
        on_tick: called before every evaluation, of which an iteration may take several; likewise.

    Raises:
        Diverged: no image with a lower objective could be found.
    """
    device = encoder.device
    canvas = canvas_for(options.color, content, device)
    seen_content = canvas.seen(canvas.variable(content))
    targets = {layer: torch.tensor(gram, device=device) for layer, gram in grams.items()}
    objective = Objective(encoder, seen_content, targets, options)

    def terms(variable: Tensor) -> dict[str, Tensor]:
        on_tick()
        return objective.losses(canvas.seen(variable), canvas.image(variable))

    problem = Problem(terms, canvas.lower, canvas.upper, objective.scale(), NEGLIGIBLE)

    variable = canvas.variable(_first_picture(content, first, options))
    done, stopped = 0, "iterations"
    for step in minimize(problem, variable, options.optimizer, options.steps) if options.steps else ():
        variable, done, stopped = step.point.variable, step.iteration, step.stopped or stopped
        on_progress(Progress(step.iteration, options.steps, step.point.losses))
    picture = canvas.picture(variable)
    on_tick()
    delivered = canvas.variable(picture)
    return Result(picture, objective.evaluate(canvas.seen(delivered), canvas.image(delivered)), done, stopped)


def _first_picture(content: Picture, given: Picture | None, options: TransferOptions) -> Picture:
    if options.init == "content":
        return content
    if options.init == "random":
        noise = np.random.default_rng(options.seed).integers(0, 256, content.shape, dtype=np.uint8)
        return np.asarray(noise)
    if given is None:
        raise ValueError(f"init {options.init!r} needs a first image")
    return images.cover(given, content.shape[1], content.shape[0])
