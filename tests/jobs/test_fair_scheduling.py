"""Whose job is next: callers take turns, and each one's own go by priority and age."""

from __future__ import annotations

from jobs.submitting import claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle
from service.jobs.tasks import LearnTask


def owners_in_turn(queue: Queue, leases: Leases, count: int) -> list[str]:
    return [queue.get(claimed(leases).id).owner for _ in range(count)]


def test_callers_take_turns_however_many_jobs_one_has(queue: Queue, leases: Leases) -> None:
    for _ in range(5):
        submit(queue, "greedy")
    for _ in range(2):
        submit(queue, "modest")
    assert owners_in_turn(queue, leases, 7) == ["greedy", "modest"] * 2 + ["greedy"] * 3


def test_a_newcomer_is_next(queue: Queue, leases: Leases) -> None:
    for owner in ("a", "b", "a", "b"):
        submit(queue, owner)
    owners_in_turn(queue, leases, 2)
    submit(queue, "new")
    assert owners_in_turn(queue, leases, 1) == ["new"]


def test_a_callers_own_jobs_go_by_priority_and_then_age(queue: Queue, leases: Leases) -> None:
    ids = [submit(queue, "a", priority=priority) for priority in (0, 5, -1, 5)]
    assert [claimed(leases).id for _ in ids] == [ids[1], ids[3], ids[0], ids[2]]


def test_priority_does_not_push_before_other_callers(queue: Queue, leases: Leases) -> None:
    for _ in range(3):
        submit(queue, "pushy", priority=100)
    submit(queue, "quiet")
    assert "quiet" in owners_in_turn(queue, leases, 2)


def test_who_deletes_its_jobs_gains_no_turn(queue: Queue, leases: Leases) -> None:
    first = submit(queue, "deletes")
    for owner in ("patient", "deletes", "patient"):
        submit(queue, owner)
    assert owners_in_turn(queue, leases, 2) == ["deletes", "patient"]
    queue.delete(first)
    submit(queue, "deletes")
    assert owners_in_turn(queue, leases, 2) == ["deletes", "patient"]


def test_callers_take_turns_with_learnings_too_also_with_those_that_give_way(queue: Queue, leases: Leases) -> None:
    learning = LearnTask(StoredStyle("p", 1.0, 1.0, ()), "v", 64, 1.0)
    for id, owner in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
        queue.submit(Submission(id, learning, owner))
    for expected in ("a1", "b1", "a1", "b1"):
        claim = claimed(leases)
        assert claim.id == expected
        leases.give_back(claim)
    assert [claimed(leases).id for _ in range(4)] == ["a1", "b1", "a2", "b2"]
