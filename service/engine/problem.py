"""The objective over a box, and its value and gradient at a point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from service.engine.evaluation import Evaluation, Recorded, Recorder
from service.engine.losses import Losses

PIECE = 2**22  # numbers that are converted at a time

Terms = Callable[[Tensor], dict[str, Tensor]]
"""A variable -> the scalars `content`, `style`, `tv` and `total`, differentiable."""


@dataclass(frozen=True)
class Point:
    """A value of the variable, with the objective's value and gradient there, all on the device.

    Attributes:
        loss: the scaled total; `gradient` is its gradient.
        terms: content, style, tv and total, unscaled.
    """

    variable: Tensor
    gradient: Tensor
    loss: Tensor
    terms: Tensor

    @property
    def losses(self) -> Losses:
        """The terms as numbers; reading them waits for the device."""
        return Losses(*self.terms.tolist())


def choose(condition: Tensor, this: Tensor, other: Tensor) -> Tensor:
    """Return `this` if the condition is true, else `other`; without waiting on a GPU, without a copy on a CPU."""
    if condition.device.type == "cpu":
        return this if condition else other
    return torch.where(condition, this, other)


def select(condition: Tensor, this: Point, other: Point) -> Point:
    """Choose between two points, as `choose` does between tensors."""
    return Point(*(choose(condition, getattr(this, f.name), getattr(other, f.name)) for f in fields(Point)))


def value_and_gradient(terms: Terms, scale: float) -> Evaluation:
    """Return an evaluation: a variable -> the gradient of the total divided by `scale`, that quotient, and the terms.

    The evaluation refers to no Problem, so that a recorded graph and its memory are freed together with their level.
    """

    def evaluate(variable: Tensor) -> tuple[Tensor, ...]:
        leaf = variable.detach().requires_grad_()
        found = terms(leaf)
        loss = found["total"] / scale
        (gradient,) = torch.autograd.grad(loss, leaf)
        return gradient.contiguous(), loss.detach(), torch.stack([found[f.name].detach() for f in fields(Losses)])

    return evaluate


class Problem:
    """The objective over a box. `lower` and `upper` broadcast against the variable.

    The total is divided by `scale`, so that no choice of weights and losses leaves the range of float32. A quotient
    of at most `negligible` is nothing but rounding, so that it need not get lower. With `is_large`, memory counts
    more than time. `on_evaluated` is called after every evaluation.
    """

    def __init__(
        self,
        terms: Terms,
        lower: Tensor,
        upper: Tensor,
        *,
        scale: float = 1.0,
        negligible: float = 0.0,
        recorder: Recorder | None = None,
        is_large: bool = False,
        on_evaluated: Callable[[], None] = lambda: None,
    ) -> None:
        self.negligible = negligible
        self.is_large = is_large
        self._lower = lower
        self._upper = upper
        self._on_evaluated = on_evaluated
        evaluation = value_and_gradient(terms, scale)
        self._evaluate = Recorded(evaluation, recorder) if recorder else evaluation

    def remembered(self, vector: Tensor) -> Tensor:
        """Return a vector of the variable's size as a method keeps it: in 16 bits where the image is large."""
        return vector.bfloat16() if self.is_large else vector

    def at(self, variable: Tensor) -> Point:
        """Evaluate the objective and its gradient at the point of the box nearest to `variable`."""
        inside = torch.clamp(variable, self._lower, self._upper)
        point = Point(inside, *self._evaluate(inside))
        self._on_evaluated()
        return point

    def free(self, point: Point) -> Tensor:
        """Return a mask, shaped as the variable: true where a step against the gradient stays in the box."""
        x, gradient = point.variable, point.gradient
        return ~(((x <= self._lower) & (gradient > 0)) | ((x >= self._upper) & (gradient < 0)))


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the scalar product of two tensors of one shape, in float32 or the more precise of their types."""
    wide = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    if a.dtype == b.dtype == wide:
        return torch.dot(a.flatten(), b.flatten())
    pieces = zip(torch.split(a.flatten(), PIECE), torch.split(b.flatten(), PIECE), strict=True)
    return torch.stack([torch.dot(x.to(wide), y.to(wide)) for x, y in pieces]).sum()


def finite(point: Point) -> Tensor:
    """Return whether the loss and the gradient are finite."""
    return point.loss.isfinite() & point.gradient.isfinite().all()
