"""Which workers may claim which jobs: painter workers paint, and paintings don't wait for other workers' jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jobs.submitting import REQUEST, claimed, submit

from service.jobs.leases import Leases
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import DEAD_AFTER_S, WorkerRegistry
from service.jobs.request import Painting, TransferRequest
from service.jobs.scheduling import PAINT_PATIENCE_S
from service.machine.memory import Capacity
from service.options import PAINTER, TransferOptions
from service.storage.database import Database
from service.storage.lanes import ENGINE, PAINT
from service.storage.schema import JobRow, WorkerRow

PAINTED = Painting((), TransferOptions(method=PAINTER, iterations=0))
REFINED = Painting((), TransferOptions(method=PAINTER, iterations=1))
CAPACITY = Capacity(2**30, "float32")


def submit_painting(queue: Queue, owner: str = "") -> str:
    request = replace(REQUEST, base=PAINTED)
    return queue.submit(Submission(new_id(), request, owner)).id


@pytest.fixture
def painter(database: Database) -> str:
    """A painter worker that is alive."""
    WorkerRegistry(database).heartbeat("host:9", CAPACITY, lane=PAINT)
    return "host:9"


@pytest.mark.parametrize(
    ("request_", "lane"),
    [
        (replace(REQUEST, base=PAINTED), PAINT),
        (replace(REQUEST, base=REFINED), ENGINE),
        (REQUEST, ENGINE),
        (replace(REQUEST, base=REFINED, variants=(PAINTED, PAINTED)), PAINT),
        (replace(REQUEST, base=PAINTED, variants=(PAINTED, REFINED)), ENGINE),
    ],
)
def test_a_transfer_that_painters_paint_alone_has_a_lane(request_: TransferRequest, lane: str) -> None:
    assert request_.lane == lane


def test_a_painter_worker_claims_paintings_alone(queue: Queue, leases: Leases, painter: str) -> None:
    submit(queue)
    painting = submit_painting(queue)
    claim = leases.claim(painter, {}, PAINT)
    assert claim is not None
    assert (claim.id, claim.lane) == (painting, PAINT)
    assert leases.claim(painter, {}, PAINT) is None


def test_other_workers_leave_a_painting_to_a_living_painter_worker_for_a_while(
    queue: Queue, leases: Leases, database: Database, painter: str
) -> None:
    painting = submit_painting(queue)
    assert leases.claim("host:1", {}) is None
    with database.writing() as session:
        session.query(JobRow).filter_by(id=painting).one().created_at -= PAINT_PATIENCE_S
    assert claimed(leases).id == painting


def test_without_a_living_painter_worker_others_paint_at_once(
    queue: Queue, leases: Leases, database: Database, painter: str
) -> None:
    painting = submit_painting(queue)
    with database.writing() as session:
        session.get_one(WorkerRow, painter).seen_at -= DEAD_AFTER_S + 1
    claim = leases.claim("host:1", {"device": "cpu"})
    assert claim is not None
    assert (claim.id, queue.get(painting).engine) == (painting, None)  # its losses bring one


def test_a_caller_s_paintings_go_before_its_jobs_of_the_same_priority(queue: Queue, leases: Leases) -> None:
    submit(queue, "a")
    submit(queue, "a", priority=1)
    painting = submit_painting(queue, "a")
    claimed(leases)
    assert claimed(leases).id == painting


def test_a_painter_worker_is_none_for_other_jobs(database: Database, painter: str) -> None:
    registry = WorkerRegistry(database)
    assert (registry.alive(), registry.alive(PAINT)) == (0, 1)
    assert (registry.capacities(), registry.capacities(PAINT)) == (set(), {CAPACITY})
