"""The line of waiting jobs: the order that workers will keep, and the seconds until a job's turn."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from jobs.submitting import REQUEST, RESULT, checkpoint, claimed, submit
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from service.errors import JobFailed
from service.jobs import line as module
from service.jobs.batches import Batches, BatchItem
from service.jobs.cost import planned_cost
from service.jobs.forecast import Running, Standing, Turn, Waiting, in_turn
from service.jobs.joining import joined, with_job
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.line import Line, Place
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting, TransferRequest
from service.jobs.scheduling import JUDGE_PATIENCE_S, PATIENCE_S
from service.jobs.speed import Speed, Speeds, fitted
from service.jobs.tasks import JudgeTask
from service.machine.memory import Capacity
from service.options import PAINTER, TransferOptions
from service.storage.database import Database
from service.storage.lanes import ENGINE, PAINT
from service.storage.records import JobProgress
from service.storage.schema import JobRow
from service.storage.tenant_limits import TenantLimits
from service.tenants.tenants import Tenants

CAPACITY = Capacity(2**30, "float32")


@pytest.fixture
def line(database: Database, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A line that is worked out anew for each look, with a worker."""
    monkeypatch.setattr(module, "SHARED_S", -1.0)
    WorkerRegistry(database).heartbeat("host:1", CAPACITY)
    return Line(database)


def rows(queue: Queue, *ids: str) -> list[JobRow]:
    return [queue.get(id) for id in ids]


def took(
    database: Database,
    leases: Leases,
    queue: Queue,
    seconds: float,
    style_s: float = 0.0,
    *,
    request: TransferRequest = REQUEST,
    owner: str = "",
    evaluated: float = 0.0,
) -> str:
    """A job that has ended after so many seconds, with those for its styles and its megapixel-evaluations."""
    id = queue.submit(Submission(new_id(), request, owner)).id
    claim = claimed(leases)
    claim.meter.evaluated = round(evaluated * 1e6)
    leases.succeed(claim, RESULT, {"style_s": style_s})
    with database.writing() as session:
        row = session.get_one(JobRow, queue.get(id).number)
        row.started_at = (row.finished_at or 0.0) - seconds
    return id


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


def test_styles_that_were_not_cached_slow_only_themselves(
    database: Database, queue: Queue, leases: Leases, line: Line
) -> None:
    for seconds, style_s in ((10.0, 0.0), (16.0, 6.0), (10.2, 0.2)):
        took(database, leases, queue, seconds, style_s)
    assert line.estimate("", 0, ENGINE, planned_cost(REQUEST))[0] == pytest.approx(10.2)


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
    painted = Painting((), replace(options, method=PAINTER, iterations=0, levels=3))
    assert cost(replace(one, base=painted)) == 64 * 32
    assert planned_cost(JudgeTask("", replace(one, base=painted))) * 1e6 == 64 * 32 * 2
    assert cost(replace(one, variants=(painted, one.base))) == 64 * 32 * (2 + 11)
    refined = replace(painted, options=replace(painted.options, iterations=4))
    assert cost(replace(one, base=refined)) == 64 * 32 * (1 + 6)


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


@pytest.mark.parametrize("told", [(0.0, 0.05, 40.0, 13.0), (5.0, 0.5, 12.0, 12.0), (12.0, 0.1, 108.0, 108.0)])
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


def test_many_who_look_share_one_line(database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    found, read = list[Session](), module._waiting

    def noted(session: Session, *which: ColumnElement[bool]) -> list[Waiting]:
        found.extend([] if which else [session])
        return read(session, *which)

    monkeypatch.setattr(module, "_waiting", noted)
    monkeypatch.setattr(module, "LONG", 2)
    line, ids = Line(database), [submit(queue) for _ in range(2)]
    for _ in range(5):
        assert [place.position for place in line.places(rows(queue, *ids)).values()] == [1, 2]
        assert line.estimate("", 0, ENGINE, 1.0)[1].position == 3
        assert line.until_ends(ids) == {}
    assert len(found) == 1
    new = submit(queue, "b")  # which the line that was worked out doesn't have
    assert line.places(rows(queue, new))[new].position == 2
    after = [submit(queue), submit(queue, "b", priority=1)]
    assert [place.position for place in line.places(rows(queue, *ids, new, *after)).values()] == [1, 3, 4, 5, 2]
    assert line.estimate("", 0, ENGINE, 1.0)[1].position == 6
    assert len(found) == 1
    many = [submit(queue, "c") for _ in range(module.MOST_JOINED + 1)]
    assert line.places(rows(queue, many[-1]))[many[-1]].position == 5 + len(many)
    assert len(found) == 2
    monkeypatch.setattr(module, "SHARED_S", -1.0)
    line.places(rows(queue, new))
    assert len(found) == 3


def test_a_short_line_is_worked_out_anew_for_a_new_job(database: Database, queue: Queue, leases: Leases) -> None:
    first, line = submit(queue), Line(database)
    assert line.places(rows(queue, first))[first].position == 1
    claimed(leases)
    new = submit(queue)
    assert line.places(rows(queue, new))[new].position == 1


def test_a_job_that_waits_again_has_its_place(
    database: Database, queue: Queue, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONG", 0)
    first, last = submit(queue), submit(queue)
    claim, line = claimed(leases), Line(database)
    assert line.places(rows(queue, last))[last].position == 1
    leases.give_back(claim)
    places = line.places(rows(queue, first, last))
    assert [places[id].position for id in (first, last)] == [1, 2]


def test_a_job_that_joins_gets_the_turn_that_it_has_among_all() -> None:
    """Seconds are few, and often equal; so are tenants, which often have to wait for their running jobs."""
    for seed in range(2000):
        chance = random.Random(seed)
        tenants, claims = ({owner: chance.choice(of) for owner in "abcdef"} for of in ("tuv", "0123"))

        def waiting(number: int, chance: random.Random = chance) -> Waiting:
            owner, cost = chance.choice("abcdef"), float(chance.randrange(1, 4))
            tenant, claim, lane = tenants[owner], int(claims[owner]), chance.choice((ENGINE, PAINT))  # noqa: B023
            return Waiting(str(number), tenant, owner, claim, cost, lane, chance.choice((0, 0, 1)), number)

        workers = chance.randrange(1, 4)
        busy = chance.randrange(workers + 1)
        lefts = [chance.choice((0.0, 1.0, 1.0, 3.0, None)) for _ in range(busy + chance.randrange(3))]
        running = [Running(chance.choice("tuv"), "", None, left, k < busy) for k, left in enumerate(lefts)]
        speeds: Speeds = {ENGINE: Speed(0.0, 1.0), PAINT: chance.choice((None, Speed(1.0, 0.0)))}
        limits = {tenant: chance.randrange(1, 3) for tenant in "tuv" if chance.random() < 0.5}
        standing = Standing(running, workers, limits, speeds)
        others, new = [waiting(k) for k in range(chance.randrange(15))], waiting(chance.choice((-1, 99, 99)))
        place, turn = joined(new, [*in_turn(others, standing)], standing)
        expected = [*in_turn([*others, new], standing)][place]
        assert expected.job is new, seed
        assert (turn.begins, turn.ends) == (expected.begins, expected.ends), seed
        standing, line = replace(standing, limits={}), list[Turn]()
        for job in (*others, new):
            line = with_job(job, line, standing)
        assert [turn.job for turn in line] == [turn.job for turn in in_turn([*others, new], standing)], seed


@pytest.mark.parametrize(("age", "position"), [(2.0, 2), (3600.0, 1)])
def test_whoever_looks_while_the_line_is_worked_out_gets_the_former_one_if_that_is_not_old(
    database: Database, queue: Queue, monkeypatch: pytest.MonkeyPatch, age: float, position: int
) -> None:
    clock, found, read = [0.0], list[int](), module._waiting
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    line, first, last = Line(database), submit(queue), submit(queue)
    row = queue.get(last)
    line.places([row])

    def look_too(session: Session) -> list[Waiting]:
        monkeypatch.setattr(module, "_waiting", read)
        found.append(line.places([row])[last].position)
        return read(session)

    queue.cancel(first)
    clock[0] += age
    monkeypatch.setattr(module, "_waiting", look_too)
    assert line.places([row])[last].position == 1
    assert found == [position]


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
