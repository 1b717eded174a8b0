"""Both methods reach known minima over a box, stay inside it, and never fail in silence."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tape import Tape, rosenbrock_terms
from torch import Tensor

from service.engine.methods import ADAM_STEP, FIRST_STEP, LBFGS, METHODS, PATIENCE, Pair, two_loops
from service.engine.optimizer import RESTARTS, WINDOW, Step, minimize
from service.engine.problem import Problem
from service.errors import Diverged

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
    y = 4 * x - 2
    return (100 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2).sum()


# Known minima


@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 150), ("adam", 700)])
@pytest.mark.parametrize(("size", "condition"), [(30, 1), (300, 10), (400, 100)])
def test_a_convex_quadratic_with_active_bounds_is_solved(
    method: str, iterations: int, size: int, condition: float
) -> None:
    quadratic = Quadratic(size, condition, seed=size)
    end = last(minimize(problem(quadratic), quadratic.start, method, iterations)).point
    torch.testing.assert_close(end.variable, quadratic.solution, rtol=0, atol=1e-6)
    assert bool((end.variable[: size // 3] == 0).all())
    assert bool((end.variable[size // 3 : size // 3 * 2] == 1).all())
    assert abs(end.loss) < 1e-6


def test_lbfgs_follows_a_bent_valley_to_its_end() -> None:
    end = last(minimize(problem(rosenbrock), torch.full((10,), 0.1, dtype=torch.float64), "lbfgs", 200)).point
    torch.testing.assert_close(end.variable, torch.full((10,), 0.75, dtype=torch.float64), rtol=0, atol=1e-6)


@both_methods
def test_a_bent_valley_that_leaves_the_box_is_followed_to_the_bound(method: str) -> None:
    bounded = Watched(rosenbrock, upper=vector(0.625, 1.0)).problem()  # 5/8 stands for 1/2, and 1/2^2 for 9/16
    end = last(minimize(bounded, vector(0.1, 0.2), method, 1500)).point
    torch.testing.assert_close(end.variable, vector(0.625, 0.5625), rtol=0, atol=1e-5)
    assert float(end.loss) == pytest.approx(0.25)


@both_methods
def test_bounds_of_each_variable_are_its_own(method: str) -> None:
    lower, upper = torch.rand(2, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).sort(0).values
    watched = Watched(lambda x: ((x - 0.5) ** 2).sum(), lower, upper)
    end = last(minimize(watched.problem(), (lower + upper) / 2, method, 400)).point
    torch.testing.assert_close(end.variable, torch.full((40,), 0.5).to(lower).clamp(lower, upper), rtol=0, atol=1e-6)


def test_the_two_loops_are_bfgs_inverse_hessian() -> None:
    """Nocedal & Wright, eq. 6.17, as a matrix."""
    rng = np.random.default_rng(0)
    pairs, changes = [], rng.normal(size=(5, 6))
    stretch = np.diag(rng.uniform(1, 9, 6))
    for s in changes:
        y = stretch @ s
        pairs.append(Pair(torch.tensor(s), torch.tensor(y), torch.tensor(1 / (s @ y))))
    inverse = np.eye(6) * 0.3
    for s, y, rho in (tuple(map(np.asarray, pair)) for pair in pairs):
        left = np.eye(6) - np.outer(s, y) * rho
        inverse = left @ inverse @ left.T + np.outer(s, s) * rho
    gradient = rng.normal(size=6)
    found = two_loops(torch.tensor(gradient), pairs, torch.tensor(0.3, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(found, inverse @ gradient, rtol=1e-9)


# The box


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 12), method=st.sampled_from(["lbfgs", "adam"]))
def test_no_iterate_leaves_the_box(seed: int, size: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.uniform(-1, 2, (2, size)), axis=0)
    edges[1] = np.where(rng.random(size) < 0.2, edges[0], edges[1])  # some have no room at all
    lower, upper = torch.tensor(edges[0]), torch.tensor(edges[1])
    waves, goal = torch.tensor(rng.normal(0, 3, (size, size))), torch.tensor(rng.uniform(-2, 3, size))
    watched = Watched(lambda x: ((x - goal) ** 2).sum() + torch.sin(waves @ x).sum(), lower, upper)
    steps = list(minimize(watched.problem(), torch.tensor(rng.uniform(-3, 4, size)), method, 15))
    for x in [*watched.points, *(step.point.variable for step in steps)]:
        assert bool((x >= lower).all())
        assert bool((x <= upper).all())


# Descent


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_lbfgs_gets_lower_within_its_patience(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bumpy = torch.tensor(rng.normal(0, 4, (8, 8)))
    over_box = problem(lambda x: torch.sin(bumpy @ x).sum() + rosenbrock(x) / 100)
    method = LBFGS(over_box, over_box.at(torch.tensor(rng.uniform(0, 1, 8))))
    for _ in range(5):
        before = float(method.best.loss)
        for _ in range(PATIENCE):
            method.step()
        assert float(method.best.loss) < before


def test_a_trial_that_is_refused_shortens_the_next_step_and_teaches_its_curvature() -> None:
    """The first step, of 0.02, goes far over a narrow bowl's bottom; with both ends the parabola is known."""
    watched = Watched(lambda x: ((x - 0.502) ** 2).sum())
    method = LBFGS(watched.problem(), watched.problem().at(torch.full((30,), 0.5, dtype=torch.float64)))
    method.step()
    assert not bool(method.moved)
    method.step()
    assert bool(method.moved)
    assert abs(float(watched.points[-1].mean()) - 0.5) < 0.002


@both_methods
def test_what_is_reported_is_the_best_so_far_and_its_own_loss(method: str) -> None:
    steps = list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), method, 60))
    losses = [float(step.point.loss) for step in steps]
    assert losses == sorted(losses, reverse=True)
    for step in steps:
        assert float(step.point.loss) == float(rosenbrock(step.point.variable)) == step.losses.total


@both_methods
def test_steps_are_counted_from_one_and_only_the_last_says_why_it_ended(method: str) -> None:
    steps = list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), method, 7))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.stopped for step in steps] == [None] * 6 + ["iterations"]


@pytest.mark.parametrize(("method", "first_step"), [("lbfgs", FIRST_STEP), ("adam", ADAM_STEP)])
def test_the_first_step_is_as_long_as_it_says_whatever_the_gradient(method: str, first_step: float) -> None:
    for scale in (1e-6, 1.0, 1e6):
        watched = Watched(lambda x, scale=scale: scale * x.sum())
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 100), ("adam", 500)])
def test_the_objectives_scale_changes_neither_the_way_nor_the_end(
    method: str, iterations: int, dtype: torch.dtype
) -> None:
    quadratic = Quadratic(300, 30, seed=1)
    near = 1e-4 * float(quadratic(quadratic.start))
    needed = []
    for scale in (1.0, 1e8, 1e-8):
        over_box = problem(lambda x, scale=scale: scale * quadratic(x), dtype)
        steps = list(minimize(over_box, quadratic.start.to(dtype), method, iterations))
        needed.append(next(step.iteration for step in steps if step.point.loss < scale * near))
        end = steps[-1].point.variable.double()
        torch.testing.assert_close(end, quadratic.solution, rtol=0, atol=1e-5)
    assert max(needed) <= min(needed) + 2


@both_methods
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_an_objective_whose_squares_float32_cannot_hold_is_divided_by_its_scale(method: str, scale: float) -> None:
    quadratic = Quadratic(60, 10, seed=4)
    watched = Watched(lambda x: scale * (7 + quadratic(x)))
    lower, upper = watched.lower.float(), watched.upper.float()
    scaled = Problem(watched._terms, lower, upper, scale=scale)
    end = last(minimize(scaled, quadratic.start.float(), method, 500)).point
    torch.testing.assert_close(end.variable.double(), quadratic.solution, rtol=0, atol=1e-3)
    assert end.losses.total == pytest.approx(7 * scale, rel=1e-4)
    assert float(end.loss) == pytest.approx(7, rel=1e-4)


# NaN, lies and ends


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
    with pytest.raises(Diverged, match=f"the objective is {value} at the first image"):
        last(minimize(problem(lambda x: x.sum() * value), vector(0.5, 0.5), method, 5))


@both_methods
def test_a_gradient_without_a_number_at_the_start_is_an_error(method: str) -> None:
    with pytest.raises(Diverged):
        last(minimize(problem(lambda x: (x - 0.5).square().sum().sqrt()), vector(0.5, 0.5), method, 5))


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


# The stopping rule and the reports


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
@pytest.mark.parametrize("iterations", [3, 8, 20])
def test_fewer_reports_change_nothing_but_their_number(method: str, iterations: int) -> None:
    often, seldom = (
        list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), method, iterations, every=every))
        for every in (1, 8)
    )
    assert [step.iteration for step in seldom] == sorted({*range(8, iterations + 1, 8), iterations})
    for step in seldom:
        assert torch.equal(step.point.variable, often[step.iteration - 1].point.variable)
    assert seldom[-1].stopped == often[-1].stopped == "iterations"


def test_reports_far_apart_still_end_a_search_that_has_nothing_more_to_do() -> None:
    steps = list(
        minimize(problem(lambda x: ((x - 2) ** 2).sum()), torch.full((5,), 0.9).double(), "lbfgs", 80, every=8)
    )
    assert steps[-1].stopped == "converged"
    assert steps[-1].iteration <= 24
    assert torch.equal(steps[-1].point.variable, torch.ones(5).double())


@both_methods
def test_a_tick_comes_before_every_evaluation(method: str) -> None:
    watched, ticks = Watched(rosenbrock), list[int]()
    list(minimize(watched.problem(), vector(0.1, 0.9), method, 7, on_tick=lambda: ticks.append(len(watched.points))))
    assert ticks == list(range(8))


@both_methods
def test_a_search_that_finds_nothing_lower_is_no_error_where_something_was_gained_before(method: str) -> None:
    start = torch.full((20,), 0.6, dtype=torch.float64)
    end = last(minimize(problem(lying), start, method, 100, gained=True))
    assert end.stopped == "stalled"
    assert torch.equal(end.point.variable, start)


def test_a_problem_is_gone_when_nobody_holds_it() -> None:
    """Without the garbage collector: a recorded graph's memory is wanted for the next level at once."""
    gc.disable()
    try:
        for recorder in (None, Tape()):
            given = Problem(rosenbrock_terms, torch.zeros(()), torch.ones(()), recorder=recorder)
            list(minimize(given, torch.full((5,), 0.3), "lbfgs", 3))
            alive = weakref.ref(given)
            del given
            assert alive() is None
    finally:
        gc.enable()
