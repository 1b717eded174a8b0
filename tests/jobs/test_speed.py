"""What workers measured lately: how long a job of some cost takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jobs.lining import CAPACITY, took
from jobs.submitting import REQUEST, RESULT, checkpoint, claimed, ended_job, submit

from service.errors import JobFailed
from service.jobs.cost import planned_cost
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, Submission
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.jobs.speed import Speed, fitted
from service.jobs.tasks import JudgeTask
from service.options import PAINTER, TransferOptions
from service.storage.database import Database
from service.storage.kinds import JUDGE
from service.storage.lanes import ENGINE, PAINT
from service.storage.schema import JobRow


def test_a_job_that_was_killed_or_given_back_tells_no_speed(
    database: Database, queue: Queue, leases: Leases, hasty: Leases, line: Line
) -> None:
    """Though it came further each time, and its count of deaths began anew."""
    submit(queue)
    hasty.report(claimed(hasty), checkpoint=checkpoint(3))
    leases.report(killed := claimed(leases), checkpoint=checkpoint(6))
    leases.succeed(killed, RESULT)
    submit(queue)
    leases.report(given_back := claimed(leases), checkpoint=checkpoint(3))
    leases.give_back(given_back)
    leases.succeed(claimed(leases), RESULT)
    with database.writing() as session:
        for row in session.query(JobRow):
            row.started_at, row.finished_at = 1000.0, 1900.0  # most of it without a worker
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] is None
    took(database, leases, queue, 10.0)
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] == pytest.approx(10.0)


def test_jobs_that_were_canceled_or_failed_since_then_hide_no_speed(
    database: Database, queue: Queue, leases: Leases, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    took(database, leases, queue, 10.0)
    monkeypatch.setattr("service.jobs.speed.LOOKED_AT", 2)
    queue.cancel(submit(queue))
    submit(queue)
    leases.fail(claimed(leases), JobFailed("it broke"))
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] == pytest.approx(10.0)


@pytest.mark.parametrize("others", [{"lane": PAINT}, {"kind": JUDGE}])
def test_jobs_of_another_lane_or_kind_hide_no_speed(
    database: Database, leases: Leases, line: Line, monkeypatch: pytest.MonkeyPatch, others: dict[str, str]
) -> None:
    took(database, leases, Queue(database, Limits()), 10.0)
    monkeypatch.setattr("service.jobs.speed.LOOKED_AT", 2)
    with database.writing() as session:
        for k in range(2):
            ended_job(session, f"other-{k}", **others)
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] == pytest.approx(10.0)


def test_styles_that_were_not_cached_slow_only_themselves(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    for seconds, style_s in ((10.0, 0.0), (16.0, 6.0), (10.2, 0.2)):
        took(database, leases, queue, seconds, style_s)
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] == pytest.approx(10.2)


STYLE = StoredStyle("harbour", 1.0, 1.0, ())


def sized(size: int, iterations: int) -> TransferRequest:
    """A transfer of one level, of a square picture."""
    return replace(REQUEST, base=Painting((), TransferOptions(size=size, iterations=iterations, levels=1)))


def test_jobs_that_end_early_tell_how_long_those_take_that_are_like_them(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    """Two seconds a megapixel-evaluation, and a tenth for each job. Some jobs carry out little of their plans."""
    requests = (sized(32, 3000), sized(256, 99), sized(256, 1999))
    costs = [planned_cost(request) for request in requests]
    done = (0.01, costs[1], costs[1])

    def add(which: int, owner: str, style_s: float = 0.0) -> None:
        seconds, part = 0.1 + 2 * done[which] + style_s, done[which]
        took(database, leases, queue, seconds, style_s, request=requests[which], owner=owner, evaluated=part)

    def seconds(owner: str) -> list[float | None]:
        return [line.estimate(owner, 0, ENGINE, cost)[0] for cost in costs]

    def expected(*parts: float) -> object:
        return pytest.approx([0.1 + 2 * part for part in parts], rel=0.05)

    for style_s in (0.0, 3.0, 0.0):
        add(1, "honest", style_s)
        add(2, "honest", style_s)
    for _ in range(60):
        add(0, "early")
    assert seconds("honest") == expected(costs[0], done[1], done[2])
    assert seconds("early") == expected(done[0], costs[1], costs[2])
    assert seconds("new") == expected(*costs)
    for owner, which in (("early", 0), ("honest", 2)):
        queue.submit(Submission(owner, requests[which], owner))
    WorkerRegistry(database).heartbeat("host:1", CAPACITY)  # on a busy machine the first one is too long ago
    ends = line.until_ends(["honest", "early"])  # the second one has had the last turn
    assert [*ends.values()] == pytest.approx([0.1 + 2 * done[2], 0.2 + 2 * (done[2] + done[0])], abs=0.2)


def test_a_speed_is_found_again() -> None:
    speed = Speed(0.5, 2.0)
    found = fitted([(cost, speed.seconds(cost)) for cost in (0.1, 1.0, 5.0, 20.0)])
    assert found is not None
    assert (found.job_s, found.cost_s) == pytest.approx((0.5, 2.0))


@pytest.mark.parametrize("jobs", [[(1.0, 3.0)], [(1.0, 2.0), (1.0, 4.0)], [(1.0, 2.0), (2.0, 1.0)]])
def test_a_speed_is_never_negative(jobs: list[tuple[float, float]]) -> None:
    found = fitted(jobs)
    assert found is not None
    assert found.job_s >= 0
    assert found.cost_s >= 0
    assert found.seconds(jobs[0][0]) > 0


def test_the_cost_is_pixels_times_evaluations_over_levels_and_pictures() -> None:
    def cost(request: TransferRequest) -> float:
        return planned_cost(request) * 1e6

    options = TransferOptions(size=64, iterations=9, levels=1)
    one = replace(REQUEST, content=replace(REQUEST.content, width=64, height=32), base=Painting((), options))
    assert cost(one) == 64 * 32 * 11
    assert cost(replace(one, base=Painting((), replace(options, iterations=0)))) == 64 * 32
    assert cost(replace(one, variants=(one.base, one.base))) == 2 * cost(one)
    coarse = Painting((), replace(options, size=128, levels=2, iterations=5))  # 3 at 96 x 64 with the margin, then 2
    assert cost(replace(one, base=coarse)) == 96 * 64 * 4 + 128 * 64 * 4
    painted = Painting((STYLE,), replace(options, method=PAINTER, iterations=0, levels=3))
    assert cost(replace(one, base=painted)) == 64 * 32
    assert planned_cost(JudgeTask("", replace(one, base=painted))) * 1e6 == 64 * 32 * 2
    assert cost(replace(one, variants=(painted, one.base))) == 64 * 32 * (2 + 11)
    refined = replace(painted, options=replace(painted.options, iterations=4))
    assert cost(replace(one, base=refined)) == 64 * 32 * (1 + 6)
