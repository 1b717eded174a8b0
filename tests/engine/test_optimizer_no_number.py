"""NaN and infinity: survived on the way, an error that says so at the start."""

from __future__ import annotations

import math

import pytest
import torch
from engine.objectives import Objective, Watched, both_methods, last, problem, vector
from torch import Tensor

from service.engine.methods import ADAM_STEP, FIRST_STEP, PATIENCE
from service.engine.optimizer import minimize
from service.errors import Diverged

EDGE = 0.5005  # beyond it the objectives below have no number; their minimum lies just before it, at 0.5


def nan_beyond_the_edge(x: Tensor) -> Tensor:
    loss = ((x - 0.5) ** 2).sum()
    return loss * math.nan if bool((x > EDGE).any()) else loss


def nan_gradient_beyond_the_edge(x: Tensor) -> Tensor:
    """The root of 0 has a value but no gradient."""
    loss = ((x - 0.5) ** 2).sum()
    return loss + 0 * (x - x.detach()).abs().sqrt().sum() if bool((x > EDGE).any()) else loss


@both_methods
@pytest.mark.parametrize("objective", [nan_beyond_the_edge, nan_gradient_beyond_the_edge])
def test_a_trial_point_without_a_number_is_survived(method: str, objective: Objective) -> None:
    watched = Watched(objective)
    end = last(minimize(watched.problem(), torch.full((30,), 0.485, dtype=torch.float64), method, 300)).point
    assert any(bool((x > EDGE).any()) for x in watched.points)
    torch.testing.assert_close(end.variable, torch.full((30,), 0.5, dtype=torch.float64), rtol=0, atol=1e-4)


@both_methods
def test_after_nan_the_search_goes_on_from_the_best_with_a_tenth_of_the_step(method: str) -> None:
    def objective(x: Tensor) -> Tensor:
        return x.sum() * (math.nan if len(watched.points) in nan_at else 1)

    watched = Watched(objective)
    nan_at = range(1, 1 + (PATIENCE if method == "lbfgs" else 1))
    step = last(minimize(watched.problem(), torch.full((30,), 0.9, dtype=torch.float64), method, nan_at.stop))
    usual = FIRST_STEP if method == "lbfgs" else ADAM_STEP
    moved = (step.point.variable - watched.points[0]).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, usual / 10))


def test_adam_goes_back_to_the_best_point_and_not_to_the_last_one() -> None:
    """From 0.505 its first step goes over the minimum at 0.5 to 0.481, which is worse; then comes a NaN."""

    def objective(x: Tensor) -> Tensor:
        return ((x - 0.5) ** 2).sum() * (math.nan if len(watched.points) == 2 else 1)

    watched = Watched(objective)
    list(minimize(watched.problem(), torch.full((30,), 0.505, dtype=torch.float64), "adam", 3))
    assert watched.losses[1] > watched.losses[0]
    moved = watched.points[3] - watched.points[0]
    torch.testing.assert_close(moved, torch.full_like(moved, -ADAM_STEP / 10))


@both_methods
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_objective_without_a_number_at_the_start_is_an_error_that_names_it(method: str, value: float) -> None:
    with pytest.raises(Diverged, match=f"the objective is {value} at the initial image"):
        last(minimize(problem(lambda x: x.sum() * value), vector(0.5, 0.5), method, 5))


@both_methods
def test_a_gradient_without_a_number_at_the_start_is_an_error(method: str) -> None:
    with pytest.raises(Diverged):
        last(minimize(problem(lambda x: (x - 0.5).square().sum().sqrt()), vector(0.5, 0.5), method, 5))
