"""A line that many look at: it is worked out rarely, and new jobs join it."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from jobs.lining import rows
from jobs.submitting import claimed, submit
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from service.jobs import line as module
from service.jobs.forecast import Running, Standing, Turn, Waiting, in_turn
from service.jobs.joining import joined, with_job
from service.jobs.leases import Leases
from service.jobs.line import Line
from service.jobs.queue import Queue
from service.jobs.speed import Speed, Speeds
from service.storage.database import Database
from service.storage.lanes import ENGINE, PAINT


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
