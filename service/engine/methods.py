"""Two methods of minimisation: projected L-BFGS and projected Adam.

One iteration is one evaluation of the objective. A method makes its decisions with tensors on the device, so that
nothing here ever waits for the device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from service.engine.problem import PIECE, Point, Problem, dot, finite, select

HISTORY = 8  # pairs of steps that L-BFGS remembers; 16 reached no lower objective
HISTORY_LARGE = 4  # pairs for large images, in 16 bits: the objective ended up to 2 % higher or lower
FIRST_STEP = 0.02  # root mean square of the first step, in units of the full range [0, 1]
ADAM_STEP = 6 / 255  # in units of the full range [0, 1]
ARMIJO = 1e-4  # least decrease by a step, as a share of the decrease that the slope promises
CURVED = 1e-10  # least cosine between a step and the gradient's change for the pair to count as a curvature
BACKTRACK = 0.3  # factor of the step's length after a step that didn't lower the objective
PATIENCE = 4  # iterations without a lower objective before a restart
SHRINK = 0.1  # factor of the steps' size after a restart


class Method(ABC):
    """A method of minimisation that remembers the best point.

    Where it gets no further, it begins again at that point with smaller steps.
    """

    def __init__(self, problem: Problem, start: Point) -> None:
        self.problem = problem
        self.best = start
        self.restarts = torch.zeros_like(start.loss)  # how many since the objective last fell
        self.moved = torch.zeros_like(start.loss, dtype=torch.bool)
        self.shrink = torch.ones_like(start.loss)
        self._idle = torch.zeros_like(start.loss)

    def step(self) -> None:
        """Do one iteration, with one evaluation."""
        new = self.trial()
        lower = self.is_lower(new) & finite(new)
        self.learn(new, lower)
        self.best = select(lower, new, self.best)
        self.moved = self.moved | lower
        self._idle = torch.where(lower, 0.0, self._idle + 1)
        again = (self._idle >= PATIENCE) | self.is_lost(new)
        self.restarts = torch.where(lower, 0.0, self.restarts + again)
        self._idle = torch.where(again, 0.0, self._idle)
        self.shrink = torch.where(again, self.shrink * SHRINK, self.shrink)
        self.forget(again)

    @abstractmethod
    def trial(self) -> Point:
        """Return the next point to look at."""

    def is_lower(self, new: Point) -> Tensor:
        """Return whether a trial is good enough to become the best point."""
        return new.loss < self.best.loss

    def is_lost(self, new: Point) -> Tensor:
        """Return whether the method must begin again at once after this trial."""
        return torch.zeros_like(self.moved)

    @abstractmethod
    def learn(self, new: Point, lower: Tensor) -> None:
        """Learn from a trial; called before it may become the best point."""

    @abstractmethod
    def forget(self, again: Tensor) -> None:
        """Begin again from the best point where `again` is true."""


class Pair(NamedTuple):
    """A step s, the gradient's change y along it, and 1 / (s . y), or 0 for a pair that counts for nothing."""

    step: Tensor
    change: Tensor
    rho: Tensor


class LBFGS(Method):
    """L-BFGS on the free variables, projected onto the box.

    The two-loop recursion is from Liu & Nocedal 1989, its use on the free variables only from Bertsekas 1982. There
    is no line search: a trial that doesn't fulfil Armijo's condition still teaches its curvature, and the next step,
    from the same point, is shorter. Nearly every first trial is taken, so a line search would only cost time.
    """

    def __init__(self, problem: Problem, start: Point) -> None:
        super().__init__(problem, start)
        self._pairs: deque[Pair] = deque(maxlen=HISTORY_LARGE if problem.is_large else HISTORY)
        self._curvature = torch.zeros_like(start.loss)  # y . y / s . y of the newest pair; 0 while there is none
        self._length = torch.ones_like(start.loss)

    def trial(self) -> Point:
        free = self.problem.free(self.best)
        gradient = self.best.gradient * free
        first = FIRST_STEP * self.shrink / (dot(gradient, gradient) / gradient.numel()).sqrt()
        inverse = torch.where(self._curvature > 0, 1 / self._curvature, first)
        direction = two_loops(gradient, list(self._pairs), inverse).mul_(free)
        return self.problem.at(direction.mul_(-self._length).add_(self.best.variable))

    def is_lower(self, new: Point) -> Tensor:
        slope = dot(self.best.gradient, new.variable - self.best.variable)
        return super().is_lower(new) & (new.loss <= self.best.loss + ARMIJO * slope)

    def learn(self, new: Point, lower: Tensor) -> None:
        step = self.problem.remembered(new.variable - self.best.variable)
        change = self.problem.remembered(new.gradient - self.best.gradient)
        along, steep = dot(step, change), dot(change, change)
        curved = along > CURVED * (dot(step, step) * steep).sqrt()  # never where a number is missing
        rho = torch.where(curved, 1 / along, 0.0)
        self._pairs.append(Pair(step.masked_fill_(~curved, 0.0), change.masked_fill_(~curved, 0.0), rho))
        self._curvature = torch.where(curved, steep / along, self._curvature)
        self._length = torch.where(lower, (self._length / BACKTRACK).clamp(max=1.0), self._length * BACKTRACK)

    def forget(self, again: Tensor) -> None:
        self._pairs = deque((p._replace(rho=torch.where(again, 0.0, p.rho)) for p in self._pairs), self._pairs.maxlen)
        self._curvature = torch.where(again, 0.0, self._curvature)
        self._length = torch.where(again, 1.0, self._length)


def two_loops(gradient: Tensor, pairs: Sequence[Pair], inverse: Tensor) -> Tensor:
    """Multiply the gradient by the inverse Hessian's estimate from pairs, oldest first (Nocedal & Wright, alg. 7.4).

    Before any pair, the estimate is `inverse` times the identity. The gradient is overwritten with the product.
    """
    q, alphas = gradient, []
    for s, y, rho in reversed(pairs):
        alphas.append(rho * dot(s, q))
        _add(q, y, -alphas[-1])
    q *= inverse
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        _add(q, s, alpha - rho * dot(y, q))
    return q


def _add(q: Tensor, vector: Tensor, factor: Tensor) -> None:
    """Add factor * vector to q, without another vector of that size."""
    for piece, other in zip(torch.split(q.view(-1), PIECE), torch.split(vector.view(-1), PIECE), strict=True):
        piece.add_(factor * other.to(piece.dtype))


class Adam(Method):
    """Adam (Kingma & Ba 2014), projected onto the box after every step."""

    def __init__(self, problem: Problem, start: Point) -> None:
        super().__init__(problem, start)
        self._point = start
        self._mean = torch.zeros_like(start.gradient)
        self._square = torch.zeros_like(start.gradient)
        self._t = torch.zeros_like(start.loss)

    def trial(self) -> Point:
        self._t = self._t + 1
        self._mean = self._mean.lerp(self._point.gradient, 0.1)
        self._square = self._square.lerp(self._point.gradient.square(), 0.001)
        scale = (self._square / (1 - 0.999**self._t)).sqrt().clamp_min(1e-30)
        step = ADAM_STEP * self.shrink * self._mean / (1 - 0.9**self._t) / scale
        return self.problem.at(self._point.variable - step)

    def is_lost(self, new: Point) -> Tensor:
        return ~finite(new)

    def learn(self, new: Point, lower: Tensor) -> None:
        self._point = new

    def forget(self, again: Tensor) -> None:
        self._point = select(again, self.best, self._point)
        self._mean = torch.where(again, 0.0, self._mean)
        self._square = torch.where(again, 0.0, self._square)
        self._t = torch.where(again, 0.0, self._t)


METHODS: dict[str, type[Method]] = {"lbfgs": LBFGS, "adam": Adam}
