"""What a search tells of itself: its steps, how many of them, and when it can be interrupted."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from engine.objectives import Watched, both_methods, problem, rosenbrock, vector
from engine.tape import Tape, rosenbrock_terms

from service.engine.optimizer import minimize
from service.engine.problem import Problem


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
