"""Minimisation over a box: projected L-BFGS and projected Adam, and the watch that neither fails in silence."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from service.engine.losses import Losses, as_losses
from service.errors import Diverged

Terms = Callable[[Tensor], dict[str, Tensor]]
"""A variable -> the scalars `content`, `style`, `tv` and `total`, differentiable."""

HISTORY = 8  # pairs of steps that L-BFGS remembers; 50 reached no lower objective
FIRST_STEP = 0.02  # root mean square of the first step, in units of the full range [0, 1]
ADAM_STEP = 6 / 255  # in units of the full range [0, 1]
TRIALS = 12  # step lengths tried along one direction
ARMIJO = 1e-4  # share of the decrease that the slope promises which a step must deliver
RESTARTS = 3  # tries from the best image with a smaller step
SHRINK = 0.1  # how much smaller
PATIENCE = 4  # iterations without a lower objective before a restart


class Stuck(Exception):
    """A method found no acceptable step from where it is."""


@dataclass(frozen=True)
class Point:
    """The variable at one place and what the objective says there; `loss` and `gradient` are the scaled total's."""

    variable: Tensor
    gradient: Tensor
    loss: float
    losses: Losses


class Problem:
    """The objective over a box. `lower` and `upper` broadcast against the variable.

    The total is divided by `scale`, so that no choice of weights and losses leaves the range of float32. Where it is
    at most `negligible` then, what is left of it is rounding, and nobody need go further down.
    """

    def __init__(
        self, terms: Terms, lower: Tensor, upper: Tensor, scale: float = 1.0, negligible: float = 0.0
    ) -> None:
        self.negligible = negligible
        self._scale = scale
        self._terms = terms
        self._lower = lower
        self._upper = upper

    def at(self, variable: Tensor) -> Point:
        """Evaluates the objective and its gradient at the point of the box nearest to `variable`."""
        inside = torch.minimum(torch.maximum(variable.detach(), self._lower), self._upper)
        leaf = inside.requires_grad_()
        terms = self._terms(leaf)
        loss = terms["total"] / self._scale
        (gradient,) = torch.autograd.grad(loss, leaf)
        losses = as_losses({name: term.detach() for name, term in terms.items()})
        return Point(leaf.detach(), gradient, float(loss.detach()), losses)

    def free(self, point: Point) -> Tensor:
        """1 where a step against the gradient stays in the box, else 0; shaped as the variable."""
        x, gradient = point.variable, point.gradient
        return ~(((x <= self._lower) & (gradient > 0)) | ((x >= self._upper) & (gradient < 0)))


class Method(Protocol):
    """One way to go down; `step` gives the next point or raises Stuck."""

    def step(self, point: Point) -> Point: ...


class LBFGS:
    """L-BFGS on the free variables, projected onto the box, with a backtracking line search.

    Liu & Nocedal 1989 for the two-loop recursion; Bertsekas 1982 for taking only the free variables into it.
    """

    def __init__(self, problem: Problem, shrink: float) -> None:
        self._problem = problem
        self._first_step = FIRST_STEP * shrink
        self._pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=HISTORY)

    def step(self, point: Point) -> Point:
        free = self._problem.free(point).to(point.gradient)
        gradient = point.gradient * free
        direction = self._direction(gradient, free)
        if not float(_dot(direction, gradient)) < 0:  # curvature gone bad: down the gradient instead
            self._pairs.clear()
            direction = self._direction(gradient, free)
        new = self._search(point, direction)
        self._remember(new.variable - point.variable, new.gradient - point.gradient)
        return new

    def _direction(self, gradient: Tensor, free: Tensor) -> Tensor:
        if not self._pairs:
            return gradient * (-self._first_step / gradient.square().mean().sqrt())
        masked = ((s, y * free) for s, y in self._pairs)
        pairs = [(s, y, float(_dot(s, y))) for s, y in masked]
        return -_two_loops(gradient, [pair for pair in pairs if pair[2] > 0]) * free

    def _search(self, point: Point, direction: Tensor) -> Point:
        length = 1.0
        for _ in range(TRIALS):
            new = self._problem.at(point.variable + length * direction)
            slope = float(_dot(point.gradient, new.variable - point.variable))
            if new.loss <= point.loss + ARMIJO * slope and new.loss < point.loss and _finite(new):
                return new
            length *= _backtrack(point.loss, slope, new.loss)
        tried = f"the last gave {new.losses.total:g}, from {point.losses.total:g}"
        raise Stuck(f"no lower objective along {TRIALS} step lengths; {tried}")

    def _remember(self, step: Tensor, change: Tensor) -> None:
        curvature = float(_dot(step, change))
        if curvature > 1e-10 * float(step.norm() * change.norm()):
            self._pairs.append((step, change))


def _two_loops(gradient: Tensor, pairs: list[tuple[Tensor, Tensor, float]]) -> Tensor:
    """Inverse Hessian's estimate times the gradient, from (s, y, s.y), oldest first (Nocedal & Wright, alg. 7.4)."""
    if not pairs:
        return gradient
    q, alphas = gradient.clone(), []
    for s, y, sy in reversed(pairs):
        alphas.append(float(_dot(s, q)) / sy)
        q -= alphas[-1] * y
    s, y, sy = pairs[-1]
    q *= sy / float(_dot(y, y))
    for (s, y, sy), alpha in zip(pairs, reversed(alphas), strict=True):
        q += s * (alpha - float(_dot(y, q)) / sy)
    return q


def _backtrack(loss: float, slope: float, new_loss: float) -> float:
    """The factor that shortens a step: to the minimum of the parabola through both losses and the slope."""
    if not math.isfinite(new_loss):
        return 0.1
    bend = 2 * (new_loss - loss - slope)
    return min(0.5, max(0.1, -slope / bend)) if bend > 0 else 0.5


class Adam:
    """Adam (Kingma & Ba 2014), projected onto the box after every step."""

    def __init__(self, problem: Problem, shrink: float) -> None:
        self._problem = problem
        self._step = ADAM_STEP * shrink
        self._mean: Tensor | None = None
        self._square: Tensor | None = None
        self._t = 0

    def step(self, point: Point) -> Point:
        self._t += 1
        gradient = point.gradient
        mean = torch.zeros_like(gradient) if self._mean is None else self._mean
        square = torch.zeros_like(gradient) if self._square is None else self._square
        self._mean = mean.lerp(gradient, 0.1)
        self._square = square.lerp(gradient.square(), 0.001)
        scale = (self._square / (1 - 0.999**self._t)).sqrt().clamp_min(1e-30)
        new = self._problem.at(point.variable - self._step * self._mean / (1 - 0.9**self._t) / scale)
        if not _finite(new):
            raise Stuck(f"the objective became {new.losses.total:g}")
        return new


METHODS: dict[str, Callable[[Problem, float], Method]] = {"lbfgs": LBFGS, "adam": Adam}


@dataclass(frozen=True)
class Step:
    """Where the minimisation is: `point` is the best so far; `stopped` says why it ended, None while it goes on."""

    iteration: int
    point: Point
    stopped: str | None


class _Descent:
    """A method and its restarts: where it finds nothing lower, it begins again at the best with smaller steps."""

    def __init__(self, problem: Problem, method: str, start: Point) -> None:
        self.best = self.point = self._start = start
        self._problem = problem
        self._method = method
        self._current = METHODS[method](problem, 1.0)
        self._shrink = 1.0
        self._restarts = 0
        self._idle = 0

    def at_rest(self) -> bool:
        """Whether there is nowhere lower to go: no free variable has a gradient, or the objective is negligible."""
        moving = (self.point.gradient * self._problem.free(self.point)).any()
        return self.best.loss <= self._problem.negligible or not bool(moving)

    def step(self) -> None:
        """Raises Stuck once the restarts are used up too."""
        try:
            self.point = self._current.step(self.point)
        except Stuck as stuck:
            self._restart(stuck)
            self.step()
            return
        if self.point.loss < self.best.loss:
            self.best, self._idle, self._restarts = self.point, 0, 0
            return
        self._idle += 1
        if self._idle == PATIENCE:
            self._restart(Stuck(f"no lower objective in {PATIENCE} iterations"))

    def verdict(self) -> str:
        """What to say of the descent when its iterations are used up."""
        return "stalled" if self.best is self._start else "iterations"

    def _restart(self, reason: Stuck) -> None:
        if self._restarts == RESTARTS:
            raise reason
        self._restarts += 1
        self._shrink *= SHRINK
        self.point, self._idle = self.best, 0
        self._current = METHODS[self._method](self._problem, self._shrink)


def minimize(problem: Problem, variable: Tensor, method: str, iterations: int) -> Iterator[Step]:
    """Goes down from `variable`, one Step an iteration.

    `stopped` of the last Step is "iterations" (all done), "converged" (no free variable has a gradient, or the
    objective is negligible) or "stalled" (nothing lower was found, be it for float32's sake at the end or because a
    few iterations made steps that were too long).

    Raises:
        Diverged: the objective isn't finite at the start, or no step from there lowers it, restarts included.
    """
    start = problem.at(variable)
    if not _finite(start):
        raise Diverged(f"the objective is {start.losses.total:g} at the first image, or its gradient isn't finite")
    descent = _Descent(problem, method, start)
    for iteration in range(1, iterations + 1):
        if descent.at_rest():
            yield Step(iteration - 1, descent.best, "converged")
            return
        try:
            descent.step()
        except Stuck as stuck:
            if descent.best is start:
                raise Diverged(f"{stuck}; {RESTARTS} restarts with smaller steps found no better image") from stuck
            yield Step(iteration, descent.best, "stalled")
            return
        yield Step(iteration, descent.best, descent.verdict() if iteration == iterations else None)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.flatten(), b.flatten())


def _finite(point: Point) -> bool:
    return math.isfinite(point.loss) and bool(point.gradient.isfinite().all())
