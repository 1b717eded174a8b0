"""Objectives over a box whose minima are known, and every point they were evaluated at."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from engine.tape import rosenbrock_terms
from torch import Tensor

from service.engine.optimizer import Step
from service.engine.problem import Problem

Objective = Callable[[Tensor], Tensor]
both_methods = pytest.mark.parametrize("method", ["lbfgs", "adam"])


class Watched:
    """An objective over a box, and every point it was evaluated at."""

    def __init__(self, objective: Objective, lower: Tensor | float = 0.0, upper: Tensor | float = 1.0) -> None:
        self.points: list[Tensor] = []
        self.losses: list[float] = []
        self._objective = objective
        self.lower, self.upper = (torch.as_tensor(bound, dtype=torch.float64) for bound in (lower, upper))

    def problem(self, dtype: torch.dtype = torch.float64) -> Problem:
        return Problem(self._terms, self.lower.to(dtype), self.upper.to(dtype))

    def _terms(self, x: Tensor) -> dict[str, Tensor]:
        total = self._objective(x)
        self.points.append(x.detach().clone())
        self.losses.append(float(total.detach()))
        nothing = torch.zeros(())
        return {"content": nothing, "style": nothing, "tv": nothing, "total": total}


def problem(objective: Objective, dtype: torch.dtype = torch.float64) -> Problem:
    """Over the box from 0 to 1."""
    return Watched(objective).problem(dtype)


def last(steps: Iterable[Step]) -> Step:
    return list(steps)[-1]


def vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Quadratic:
    """A convex quadratic whose minimum over the box from 0 to 1 is known from its Karush-Kuhn-Tucker conditions.

    A third of the variables end at 0 with a gradient that holds them there, a third at 1, the rest between.
    """

    def __init__(self, size: int, condition: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(rng.normal(size=(size, size)))
        self._hessian = torch.tensor(rotation * np.geomspace(1, condition, size) @ rotation.T)
        third = size // 3
        pull = rng.uniform(0.01, 5, size)
        pull[third : 2 * third] *= -1
        pull[2 * third :] = 0
        solution = rng.uniform(0.1, 0.9, size)
        solution[:third], solution[third : 2 * third] = 0, 1
        self._pull, self.solution = torch.tensor(pull), torch.tensor(solution)
        self.start = torch.tensor(rng.uniform(0, 1, size))

    def __call__(self, x: Tensor) -> Tensor:
        away = x - self.solution.to(x)
        return away @ (self._hessian.to(x) @ away) / 2 + self._pull.to(x) @ away


def rosenbrock(x: Tensor) -> Tensor:
    """Minimum 0 at (3/4, 3/4, …), at the end of a bent valley; x in [0, 1] stands for [-2, 2]."""
    return rosenbrock_terms(x)["total"]
