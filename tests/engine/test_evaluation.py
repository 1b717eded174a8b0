"""A recorded evaluation gives what the evaluation gives, from memory that never moves."""

from __future__ import annotations

import pytest
import torch
from engine.tape import Tape, rosenbrock_terms

from service.engine.evaluation import Recorded, recorder_for
from service.engine.optimizer import minimize
from service.engine.problem import Problem


def test_a_recorded_evaluation_is_recorded_once_and_replayed_with_every_input() -> None:
    tape = Tape()
    recorded = Recorded(lambda x: (x * 2, x.sum()), tape)
    results = [recorded(torch.tensor([value, 1.0])) for value in (1.0, 5.0, 7.0)]
    assert [[r.tolist() for r in result] for result in results] == [
        [[2.0, 2.0], 2.0], [[10.0, 2.0], 6.0], [[14.0, 2.0], 8.0],
    ]  # fmt: skip
    assert (tape.recorded, tape.replayed) == (1, 3)


def test_the_input_may_change_afterwards_without_harm() -> None:
    value = torch.ones(3)
    recorded = Recorded(lambda x: (x + 1,), Tape())
    (first,) = recorded(value)
    value.zero_()
    assert recorded(value)[0].tolist() == [1, 1, 1]
    assert first.tolist() == [2, 2, 2]


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_a_recorded_problem_takes_the_same_way(method: str) -> None:
    tape, lower, upper = Tape(), torch.zeros(()), torch.ones(())
    ways = [
        list(minimize(Problem(rosenbrock_terms, lower, upper, recorder=recorder), torch.full((6,), 0.1), method, 30))
        for recorder in (None, tape)
    ]
    assert [step.losses for step in ways[0]] == [step.losses for step in ways[1]]
    assert torch.equal(ways[0][-1].point.variable, ways[1][-1].point.variable)
    assert (tape.recorded, tape.replayed) == (1, 31)


def test_only_cuda_records() -> None:
    assert recorder_for(torch.device("cpu")) is None
    assert recorder_for(torch.device("cuda")) is not None
