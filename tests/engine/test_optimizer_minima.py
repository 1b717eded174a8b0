"""Both methods reach known minima over a box, and stay inside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.objectives import Quadratic, Watched, both_methods, last, problem, rosenbrock, vector
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine.methods import Pair, two_loops
from service.engine.optimizer import minimize


@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 150), ("adam", 700)])
@pytest.mark.parametrize(("size", "condition"), [(30, 1), (400, 100), pytest.param(300, 10, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_convex_quadratic_with_active_bounds_is_solved(
    method: str, iterations: int, size: int, condition: float
) -> None:
    quadratic = Quadratic(size, condition, seed=size)
    end = last(minimize(problem(quadratic), quadratic.start, method, iterations)).point
    torch.testing.assert_close(end.variable, quadratic.solution, rtol=0, atol=1e-6)
    assert bool((end.variable[: size // 3] == 0).all())
    assert bool((end.variable[size // 3 : size // 3 * 2] == 1).all())
    assert abs(end.loss) < 1e-6


@pytest.mark.slow
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


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 12), method=st.sampled_from(["lbfgs", "adam"]))
@pytest.mark.slow
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
