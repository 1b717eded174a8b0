"""A search ends where there is nothing more to gain, and never fails in silence."""

from __future__ import annotations

import pytest
import torch
from engine.objectives import Objective, Quadratic, Watched, both_methods, last, problem, rosenbrock, vector
from torch import Tensor

from service.engine.methods import FIRST_STEP, METHODS, PATIENCE
from service.engine.optimizer import RESTARTS, WINDOW, minimize
from service.engine.problem import Problem
from service.errors import Diverged


def lying(x: Tensor) -> Tensor:
    """The value of a bowl around 0.3, with the gradient of one turned upside down."""
    loss = ((x - 0.3) ** 2).sum()
    return 2 * loss.detach() - loss


def test_too_few_iterations_of_too_long_steps_are_called_stalled() -> None:
    steps = list(minimize(problem(lying), torch.full((20,), 0.6, dtype=torch.float64), "adam", 3))
    assert [step.stopped for step in steps] == [None, None, "stalled"]


@pytest.mark.parametrize("tolerance", [0.0, 0.001])
def test_lbfgs_over_a_gradient_that_points_uphill_restarts_with_smaller_steps_and_then_says_so(
    tolerance: float,
) -> None:
    watched = Watched(lying)
    start = torch.full((20,), 0.6, dtype=torch.float64)
    with pytest.raises(Diverged, match=r"no step lowers the objective from 1\.8, not in 3 restarts either"):
        last(minimize(watched.problem(), start, "lbfgs", 50, tolerance=tolerance))
    lengths = [float((x - start).abs().mean()) for x in watched.points[1:]]
    assert len(lengths) == PATIENCE * (RESTARTS + 1)
    assert lengths[::PATIENCE] == pytest.approx([FIRST_STEP * 0.1**i for i in range(4)], rel=1e-6)


@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 16), ("adam", 100)])
def test_a_search_that_never_finds_anything_lower_is_an_error(method: str, iterations: int) -> None:
    with pytest.raises(Diverged):
        last(minimize(problem(lying), torch.full((20,), 0.6).double(), method, iterations, tolerance=0.001))


@both_methods
@pytest.mark.parametrize(
    ("objective", "start"),
    [
        (lambda x: ((x - 0.25) ** 2).sum(), vector(0.25, 0.25)),
        (lambda x: ((x - 2) ** 2).sum(), vector(1.0, 1.0)),
        (lambda x: (x * 0).sum(), vector(0.4, 0.7)),
    ],
    ids=["between the bounds", "in a corner of the box", "flat"],
)
def test_a_stationary_start_is_the_end_and_no_error(method: str, objective: Objective, start: Tensor) -> None:
    (step,) = minimize(problem(objective), start, method, 10)
    assert step.stopped == "converged"
    assert torch.equal(step.point.variable, start)


def test_a_step_that_lowers_nothing_is_none() -> None:
    """The slope promises less than the loss can show."""
    with pytest.raises(Diverged, match="no step lowers the objective from 1,"):
        last(minimize(problem(lambda x: 1 + 1e-20 * x.sum()), vector(0.5, 0.5), "lbfgs", 50))


def test_a_search_that_cannot_see_a_lower_loss_any_more_stalls_without_an_error() -> None:
    quadratic = Quadratic(60, 100, seed=3)

    def coarse(x: Tensor) -> Tensor:
        """The quadratic above 7 in steps of 0.01, as by rounding; its gradient knows nothing of the steps."""
        loss = 7 + quadratic(x)
        return loss + (torch.floor(loss * 100) / 100 - loss).detach()

    steps = list(minimize(problem(coarse), quadratic.start, "lbfgs", 500))
    assert steps[-1].stopped == "stalled"
    assert len(steps) < 100
    assert steps[-1].point.loss < 7.02 < steps[0].point.loss


@pytest.mark.parametrize("method", METHODS)
def test_a_float32_search_ends_by_itself_at_the_minimum(method: str) -> None:
    quadratic = Quadratic(60, 10, seed=2)
    steps = list(minimize(problem(quadratic, torch.float32), quadratic.start.float(), method, 3000))
    assert steps[-1].stopped in ("converged", "stalled")
    torch.testing.assert_close(steps[-1].point.variable.double(), quadratic.solution, rtol=0, atol=1e-5)


def test_a_negligible_objective_is_the_end() -> None:
    bowl = Watched(lambda x: ((x - 0.3) ** 2).sum())
    enough = Problem(bowl._terms, bowl.lower, bowl.upper, negligible=1e-3)
    steps = list(minimize(enough, torch.full((20,), 0.6, dtype=torch.float64), "lbfgs", 100))
    assert steps[-1].stopped == "converged"
    assert steps[-1].point.loss <= 1e-3 < steps[0].point.loss
    (only,) = minimize(enough, torch.full((20,), 0.301, dtype=torch.float64), "lbfgs", 100)
    assert only.stopped == "converged"


@both_methods
def test_no_iterations_are_no_steps(method: str) -> None:
    assert not list(minimize(problem(rosenbrock), vector(0.1, 0.9), method, 0))


def test_little_progress_over_the_window_is_the_end() -> None:
    steps = list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), "lbfgs", 500, tolerance=0.01))
    losses = [float(step.point.loss) for step in steps]
    assert steps[-1].stopped == "converged"
    assert losses[-1 - WINDOW] - losses[-1] <= 0.01 * WINDOW * losses[-1]
    for now in range(WINDOW, len(losses) - 1):
        assert losses[now - WINDOW] - losses[now] > 0.01 * WINDOW * losses[now]


def test_without_a_tolerance_little_progress_is_no_end() -> None:
    steps = list(minimize(problem(lambda x: 1 + 1e-3 * x.sum()), torch.ones(3).double(), "lbfgs", 30))
    assert len(steps) == 30


@both_methods
def test_a_search_that_finds_nothing_lower_is_no_error_where_something_was_gained_before(method: str) -> None:
    start = torch.full((20,), 0.6, dtype=torch.float64)
    end = last(minimize(problem(lying), start, method, 100, gained=True))
    assert end.stopped == "stalled"
    assert torch.equal(end.point.variable, start)
