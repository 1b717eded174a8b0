"""The line of waiting jobs: the order that workers will keep, and the seconds until a job's turn."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest
from jobs.lining import CAPACITY, rows, took
from jobs.submitting import REQUEST, claimed, submit

from service.jobs.batches import Batches, BatchItem
from service.jobs.cost import planned_cost
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.line import Line, Place
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting
from service.jobs.scheduling import JUDGE_PATIENCE_S, PATIENCE_S
from service.jobs.tasks import JudgeTask
from service.options import PAINTER, TransferOptions
from service.storage.database import Database
from service.storage.lanes import ENGINE, PAINT
from service.storage.records import JobProgress
from service.storage.schema import JobRow
from service.storage.tenant_limits import TenantLimits
from service.tenants.tenants import Tenants


@pytest.mark.parametrize("seed", range(5))
def test_jobs_are_claimed_in_the_order_of_their_positions(
    queue: Queue, leases: Leases, line: Line, seed: int
) -> None:
    chance = random.Random(seed)
    painted = replace(REQUEST, base=Painting((), TransferOptions(method=PAINTER, iterations=0)))
    for _ in range(chance.randrange(4)):  # some callers have had their turn
        submit(queue, chance.choice("abc"))
        claimed(leases)
    ids = []
    for _ in range(12):
        request = painted if chance.random() < 0.3 else REQUEST
        new = Submission(new_id(), request, chance.choice("abcd"), priority=chance.randrange(3))
        ids.append(queue.submit(new).id)
    places = line.places(rows(queue, *ids))
    assert sorted(place.position for place in places.values()) == list(range(1, 13))
    assert [claimed(leases).id for _ in ids] == sorted(ids, key=lambda id: places[id].position)
    assert line.places(rows(queue, *ids)) == {}


def test_a_new_job_would_get_the_place_that_it_gets(queue: Queue, line: Line) -> None:
    for owner in ("a", "a", "a", "b", "b"):
        submit(queue, owner)
    _, place = line.estimate("b", 1, ENGINE, 0.1)
    assert place.position == line.places(rows(queue, id := submit(queue, "b", priority=1)))[id].position == 2


def test_paintings_have_a_line_of_their_own_while_a_painter_lives(
    database: Database, queue: Queue, line: Line
) -> None:
    submit(queue)
    assert line.estimate("", 0, PAINT, 0.1)[1].position == 1  # before the caller's other jobs
    assert line.estimate("b", 0, PAINT, 0.1)[1].position == 2
    WorkerRegistry(database).heartbeat("host:9", CAPACITY, lane=PAINT)
    assert line.estimate("b", 0, PAINT, 0.1)[1].position == 1


def test_without_an_ended_job_a_turn_is_known_while_a_worker_is_idle(
    queue: Queue, leases: Leases, line: Line
) -> None:
    assert line.estimate("", 0, ENGINE, 1.0) == (None, Place(1, 0.0))
    first, last = submit(queue), submit(queue)
    assert line.places(rows(queue, first, last)) == {first: Place(1, 0.0), last: Place(2, None)}
    claimed(leases)
    assert line.places(rows(queue, last)) == {last: Place(1, None)}


def test_the_wait_is_that_for_the_jobs_ahead_shared_by_the_workers(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    took(database, leases, queue, 10.0)
    cost = planned_cost(REQUEST)
    assert line.estimate("", 0, ENGINE, cost)[0] == pytest.approx(10.0)
    for _ in range(4):
        submit(queue)
    registry = WorkerRegistry(database)
    registry.heartbeat("host:1", CAPACITY)
    assert line.estimate("", 0, ENGINE, cost)[1].eta_seconds == pytest.approx(40.0)
    registry.heartbeat("host:2", CAPACITY)
    assert line.estimate("", 0, ENGINE, cost)[1].eta_seconds == pytest.approx(20.0)
    claimed(leases)  # which has 10 s left, as the other worker is free
    assert line.estimate("", 0, ENGINE, cost)[1].eta_seconds == pytest.approx(20.0, abs=0.5)


def test_a_job_that_gives_way_keeps_its_worker_until_then(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    took(database, leases, queue, 10.0)
    queue.submit(Submission("judging", JudgeTask("transfer", REQUEST)))
    with database.writing() as session:
        session.query(JobRow).filter_by(id="judging").one().created_at -= 2 * JUDGE_PATIENCE_S
    for patience in (PATIENCE_S, 2 * PATIENCE_S):
        claim = claimed(leases)
        assert line.estimate("", 0, ENGINE, 1.0)[1] == Place(1, patience)
        id = submit(queue)
        assert line.places(rows(queue, id))[id] == Place(1, patience)
        queue.delete(id)
        leases.give_back(claim)
    assert line.estimate("", 0, ENGINE, 1.0)[1] == Place(1, 0.0)


def test_the_end_of_a_waiting_job_is_that_of_its_turn(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    took(database, leases, queue, 10.0)
    first, last = submit(queue), submit(queue)
    assert line.until_ends([first, last]) == {first: pytest.approx(10.0), last: pytest.approx(20.0)}
    queue.cancel(first)
    assert line.until_ends([first, last]) == {last: pytest.approx(10.0)}
    WorkerRegistry(database).remove("host:1")
    assert line.until_ends([last]) == {}  # no worker is alive
    seconds, place = line.estimate("", 0, ENGINE, planned_cost(REQUEST))
    assert seconds == pytest.approx(10.0)
    assert place == Place(2, None)


def test_behind_a_job_of_unknown_speed_no_seconds_are_known(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    """Without a painter worker, paintings wait in the line of all other jobs."""
    took(database, leases, queue, 10.0)
    cost = planned_cost(REQUEST)
    painted = replace(REQUEST, base=Painting((), TransferOptions(method=PAINTER, iterations=0)))
    queue.submit(Submission(new_id(), painted, "a"))
    seconds, place = line.estimate("a", 0, ENGINE, cost)
    assert seconds == pytest.approx(10.0)
    assert place == Place(2, None)
    assert line.estimate("a", 1, ENGINE, cost)[1] == Place(1, 0.0)
    assert line.estimate("a", 1, PAINT, cost)[0] is None


@pytest.mark.parametrize(
    "told",
    [
        (0.0, 0.05, 40.0, 13.0),
        (5.0, 0.5, 12.0, 12.0),
        (12.0, 0.1, 108.0, 108.0),
        (-3600.0, 0.05, 40.0, 13.0),  # the clock was set back
    ],
)
def test_a_job_s_own_pace_counts_more_the_further_it_is(
    database: Database, queue: Queue, leases: Leases, line: Line, told: tuple[float, float, float, float]
) -> None:
    """At first it is far off; for one that takes longer than others did, it is all that is known."""
    elapsed, fraction, by_pace, left = told
    took(database, leases, queue, 10.0)
    id = submit(queue)
    claimed(leases)
    with database.writing() as session:
        row = session.get_one(JobRow, queue.get(id).number)
        row.started_at = (row.started_at or 0.0) - elapsed
        row.progress = JobProgress(fraction=fraction, eta_seconds=by_pace)
    found = line.places(rows(queue, waiting := submit(queue)))[waiting].eta_seconds
    assert found == pytest.approx(left, abs=2)


@pytest.mark.parametrize("eta", ["soon", -1, True])
def test_a_damaged_progress_harms_no_other_job(
    database: Database, queue: Queue, leases: Leases, line: Line, eta: object
) -> None:
    took(database, leases, queue, 10.0)
    id = submit(queue)
    begun = time.monotonic()
    claimed(leases)
    with database.writing() as session:
        row = session.get_one(JobRow, queue.get(id).number)
        row.progress = JobProgress(eta_seconds=eta)  # type: ignore[arg-type]
    found = line.places(rows(queue, waiting := submit(queue)))[waiting].eta_seconds
    assert found == pytest.approx(10.0 - (time.monotonic() - begun), abs=2)


def test_an_estimate_knows_the_running_jobs_of_its_tenant(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    took(database, leases, queue, 10.0)
    Tenants(database).add("acme", TenantLimits(running_jobs=1))
    for worker in ("host:1", "host:2"):
        WorkerRegistry(database).heartbeat(worker, CAPACITY)
    submit(queue.of("acme"), "tenant:acme")
    claimed(leases)
    cost = planned_cost(REQUEST)
    assert line.estimate("a", 0, ENGINE, cost)[1] == Place(1, 0.0)
    eta = line.estimate("tenant:acme", 0, ENGINE, cost, "acme")[1].eta_seconds
    assert eta == pytest.approx(10.0, abs=1)


def room(database: Database, line: Line, **whose: str) -> float | None:
    with database.reading() as session:
        return line.until_room(session, **whose)


def test_there_is_room_when_a_job_begins_or_a_batch_ends(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    WorkerRegistry(database).heartbeat("host:1", CAPACITY)
    assert room(database, Line(database)) is None
    took(database, leases, queue, 10.0)
    submit(queue, "a")
    claimed(leases)
    items = [BatchItem(Submission(new_id(), REQUEST, "a")) for _ in range(2)]
    Batches(database, Limits()).submit(new_id(), items, None, None)
    submit(queue, "b")
    assert [room(database, line, owner=owner) for owner in "abc"] == [
        pytest.approx(40.0, abs=4),  # of a batch whose jobs begin after 20 and 30 s
        pytest.approx(10.0, abs=4),
        None,
    ]
    for whose in ({}, {"tenant": "default"}):
        assert room(database, line, **whose) == pytest.approx(10.0, abs=4)
    with database.reading() as session:
        for owners in ([], ["a"]):
            begun = [line.until_begun(session, count, *owners) for count in (1, 2, 3)]
            assert begun == [pytest.approx(20.0, abs=4), pytest.approx(30.0, abs=4), None]
        assert line.until_begun(session, 1, "b") is None
