"""How both methods go down: the first step, what a refused one teaches, and the objective's scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.objectives import Objective, Quadratic, Watched, both_methods, last, problem, rosenbrock
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.methods import ADAM_STEP, FIRST_STEP, LBFGS, PATIENCE
from service.engine.optimizer import minimize
from service.engine.problem import Problem

AT_REST = 1e-4  # what the gradient's largest entry is where a loss near 1 has no lower neighbour left in float64


def scaled(objective: Objective, scale: float) -> Objective:
    return lambda x: scale * objective(x)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_lbfgs_gets_lower_by_the_first_step_after_its_patience(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bumpy = torch.tensor(rng.normal(0, 4, (8, 8)))
    over_box = problem(lambda x: torch.sin(bumpy @ x).sum() + rosenbrock(x) / 100)
    method = LBFGS(over_box, over_box.at(torch.tensor(rng.uniform(0, 1, 8))))
    for _ in range(5):
        before = float(method.best.loss)
        for _ in range(PATIENCE + 1):
            method.step()
        steepest = float((method.best.gradient * over_box.free(method.best)).abs().max())
        assert float(method.best.loss) < before or steepest < AT_REST


def test_a_trial_that_is_refused_shortens_the_next_step_and_teaches_its_curvature() -> None:
    """The first step, of 0.02, goes far over a narrow bowl's bottom; with both ends the parabola is known."""
    watched = Watched(lambda x: ((x - 0.502) ** 2).sum())
    method = LBFGS(watched.problem(), watched.problem().at(torch.full((30,), 0.5, dtype=torch.float64)))
    method.step()
    assert not bool(method.moved)
    method.step()
    assert bool(method.moved)
    assert abs(float(watched.points[-1].mean()) - 0.5) < 0.002


@pytest.mark.parametrize(("method", "first_step"), [("lbfgs", FIRST_STEP), ("adam", ADAM_STEP)])
def test_the_first_step_is_as_long_as_it_says_whatever_the_gradient(method: str, first_step: float) -> None:
    for scale in (1e-6, 1.0, 1e6):
        watched = Watched(scaled(lambda x: x.sum(), scale))
        list(minimize(watched.problem(), torch.full((50,), 0.5, dtype=torch.float64), method, 1))
        moved = (watched.points[1] - watched.points[0]).square().mean().sqrt()
        assert float(moved) == pytest.approx(first_step)


def test_variables_that_cannot_move_do_not_shorten_the_first_step_of_the_others() -> None:
    weights = torch.ones(50, dtype=torch.float64)
    weights[:25] = 1e6
    start = torch.full((50,), 0.5, dtype=torch.float64)
    start[:25] = 0.0
    watched = Watched(lambda x: weights @ x)
    list(minimize(watched.problem(), start, "lbfgs", 1))
    moved = (watched.points[1] - watched.points[0]).square().mean().sqrt()
    assert float(moved) == pytest.approx(FIRST_STEP)


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("method", "iterations"), [("lbfgs", 100), pytest.param("adam", 500, marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_the_objectives_scale_changes_neither_the_way_nor_the_end(
    method: str, iterations: int, dtype: torch.dtype
) -> None:
    quadratic = Quadratic(300, 30, seed=1)
    near = 1e-4 * float(quadratic(quadratic.start))
    needed = []
    for scale in (1.0, 1e8, 1e-8):
        over_box = problem(scaled(quadratic, scale), dtype)
        steps = list(minimize(over_box, quadratic.start.to(dtype), method, iterations))
        needed.append(next(step.iteration for step in steps if step.point.loss < scale * near))
        end = steps[-1].point.variable.double()
        torch.testing.assert_close(end, quadratic.solution, rtol=0, atol=1e-5)
    assert max(needed) <= min(needed) + 2


@both_methods
@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.slow
def test_an_objective_whose_squares_float32_cannot_hold_is_divided_by_its_scale(method: str, scale: float) -> None:
    quadratic = Quadratic(60, 10, seed=4)
    watched = Watched(lambda x: scale * (7 + quadratic(x)))
    lower, upper = watched.lower.float(), watched.upper.float()
    scaled = Problem(watched._terms, lower, upper, scale=scale)
    end = last(minimize(scaled, quadratic.start.float(), method, 500)).point
    torch.testing.assert_close(end.variable.double(), quadratic.solution, rtol=0, atol=1e-3)
    assert end.losses.total == pytest.approx(7 * scale, rel=1e-4)
    assert float(end.loss) == pytest.approx(7, rel=1e-4)
