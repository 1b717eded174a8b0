"""Both methods reach known minima over a box, stay inside it, and never fail in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from service.engine.optimizer import ADAM_STEP, FIRST_STEP, LBFGS, METHODS, TRIALS, Problem, Step, minimize
from service.engine.optimizer import _two_loops as inverse_hessian_times
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
    assert end.loss == pytest.approx(0.25)


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
        pairs.append((torch.tensor(s), torch.tensor(y), float(s @ y)))
    (s, y, sy) = (np.asarray(part) for part in pairs[-1])
    inverse = np.eye(6) * sy / (y @ y)
    for s, y, sy in ((np.asarray(s), np.asarray(y), sy) for s, y, sy in pairs):
        left = np.eye(6) - np.outer(s, y) / sy
        inverse = left @ inverse @ left.T + np.outer(s, s) / sy
    gradient = rng.normal(size=6)
    found = inverse_hessian_times(torch.tensor(gradient), pairs).numpy()
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
def test_every_step_of_lbfgs_lowers_the_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bumpy = torch.tensor(rng.normal(0, 4, (8, 8)))
    over_box = problem(lambda x: torch.sin(bumpy @ x).sum() + rosenbrock(x) / 100)
    method = LBFGS(over_box, 1.0)
    point = over_box.at(torch.tensor(rng.uniform(0, 1, 8)))
    for _ in range(5):
        new = method.step(point)
        assert new.loss < point.loss
        point = new


@both_methods
def test_what_is_reported_is_the_best_so_far_and_its_own_loss(method: str) -> None:
    steps = list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), method, 60))
    losses = [step.point.loss for step in steps]
    assert losses == sorted(losses, reverse=True)
    for step in steps:
        assert step.point.loss == float(rosenbrock(step.point.variable))


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
    assert end.loss == pytest.approx(7, rel=1e-4)


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
    nan_at = range(1, 1 + (TRIALS if method == "lbfgs" else 1))
    (step,) = minimize(watched.problem(), torch.full((30,), 0.9, dtype=torch.float64), method, 1)
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


def test_lbfgs_over_a_gradient_that_points_uphill_restarts_with_smaller_steps_and_then_says_so() -> None:
    watched = Watched(lying)
    start = torch.full((20,), 0.6, dtype=torch.float64)
    with pytest.raises(Diverged, match=r"no lower objective .* from 1\.8; 3 restarts with smaller steps"):
        last(minimize(watched.problem(), start, "lbfgs", 50))
    lengths = [float((x - start).abs().mean()) for x in watched.points[1:]]
    tries = len(lengths) // 4
    assert lengths[::tries] == pytest.approx([FIRST_STEP * 0.1**i for i in range(4)], rel=1e-6)


@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 1), ("adam", 100)])
def test_a_search_that_never_finds_anything_lower_is_an_error(method: str, iterations: int) -> None:
    with pytest.raises(Diverged):
        last(minimize(problem(lying), torch.full((20,), 0.6, dtype=torch.float64), method, iterations))


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
    with pytest.raises(Diverged, match="no lower objective along"):
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
