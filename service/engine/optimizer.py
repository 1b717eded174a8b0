"""Minimisation over a box, with checks that no method fails in silence."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from service.engine.losses import Losses
from service.engine.methods import METHODS, Method
from service.engine.problem import Point, Problem, choose, finite
from service.errors import Diverged

RESTARTS = 3  # restarts in a row that a method may make without a lower objective
WINDOW = 10  # iterations over which the objective's progress is judged


@dataclass(frozen=True)
class Step:
    """The state of a minimisation after an iteration.

    Attributes:
        iteration: iterations done.
        point: the best so far.
        previous: the variable at which the step to `point` began; the variable of `point` if there was no step.
        losses: of `point`.
        stopped: why the minimisation ended, None while it goes on.
    """

    iteration: int
    point: Point
    previous: Tensor
    losses: Losses
    stopped: str | None


class _State(NamedTuple):
    """The numbers that `minimize` reads from the device at a report, in one go."""

    loss: float
    moved: bool
    at_rest: bool
    restarts: int
    losses: Losses


def _read(method: Method, gained: bool) -> _State:
    best = method.best
    moving = (best.gradient * method.problem.free(best)).any() & (best.loss > method.problem.negligible)
    flags = [best.loss, method.moved, ~moving, method.restarts]
    loss, moved, at_rest, restarts, *terms = torch.cat(
        [torch.stack([f.to(best.terms) for f in flags]), best.terms]
    ).tolist()
    return _State(loss, bool(moved) or gained, bool(at_rest), int(restarts), Losses(*terms))


def minimize(
    problem: Problem,
    variable: Tensor,
    method: str,
    iterations: int,
    *,
    tolerance: float = 0.0,
    every: int = 1,
    gained: bool = False,
    previous: Tensor | None = None,
    on_tick: Callable[[], None] = lambda: None,
) -> Iterator[Step]:
    """Minimise from `variable` on; yield a Step after every `every` iterations and after the last.

    Only these reports wait for the device.

    `stopped` of the last Step is "iterations" (all done), "converged" (no free variable has a gradient, the objective
    is negligible, or over the last WINDOW iterations it fell by less than `tolerance` of itself in each) or "stalled"
    (nothing lower was found, restarts included).

    Args:
        gained: whether an earlier call has lowered the objective, so that it is no error if this one can't.
        previous: `Step.previous` of the earlier call that ended at `variable`, if there was one. It is evaluated too
            and teaches a curvature; without that, the first steps would gain less than the earlier call's last ones.
        on_tick: called before every evaluation; what it raises ends the minimisation.

    Raises:
        Diverged: the objective isn't finite at the start, or no step from there lowers it, restarts included.
    """
    if not iterations:
        return
    descent = _descent(METHODS[method], problem, variable, previous, on_tick)
    if not bool(finite(descent.best)):
        total = descent.best.losses.total
        raise Diverged(f"the objective is {total:g} at the initial image, or its gradient isn't finite")
    del variable, previous  # a large image each
    origin, progress = descent.best.variable, deque[tuple[int, float]]()
    for iteration in range(iterations + 1):
        if iteration:
            on_tick()
            before = descent.best
            descent.step()
            origin = choose(descent.best.loss < before.loss, before.variable, origin)
            del before
        if iteration % every and iteration < iterations:
            continue
        state = _read(descent, gained)
        progress.append((iteration, state.loss))
        stopped = _reason(state, iteration == iterations, _has_settled(progress, tolerance))
        if iteration or stopped:
            yield Step(iteration, descent.best, origin, state.losses, stopped)
        if stopped:
            return


def _descent(
    method: type[Method], problem: Problem, variable: Tensor, previous: Tensor | None, on_tick: Callable[[], None]
) -> Method:
    """Return a method at `variable` that has already learned from the step from `previous`."""
    on_tick()
    if previous is None:
        return method(problem, problem.at(variable))
    descent = method(problem, problem.at(previous))
    on_tick()
    point = problem.at(variable)
    descent.learn(point, torch.ones_like(descent.moved))
    descent.best = point
    return descent


def _reason(state: _State, all_done: bool, settled: bool) -> str | None:
    if state.restarts > RESTARTS:
        if not state.moved:
            raise Diverged(
                f"no step lowers the objective from {state.losses.total:g}, not in {RESTARTS} restarts either"
            )
        return "stalled"
    if state.at_rest or (settled and state.moved and not state.restarts):
        return "converged"
    return ("iterations" if state.moved else "stalled") if all_done else None


def _has_settled(progress: deque[tuple[int, float]], tolerance: float) -> bool:
    """Return whether the objective fell too little over the window; drop the entries before the window."""
    now, loss = progress[-1]
    while len(progress) > 1 and progress[1][0] <= now - WINDOW:
        progress.popleft()
    then, before = progress[0]
    return tolerance > 0 and now - then >= WINDOW and before - loss <= tolerance * (now - then) * loss
