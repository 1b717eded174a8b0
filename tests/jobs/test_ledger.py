"""What jobs have cost: every attempt counts, and the sums of a day stay when the jobs are gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from batches.rows import submitted
from jobs.submitting import REQUEST, RESULT, claimed, submit
from jobs.test_deadlines import pass_time
from sqlalchemy import text

from service.jobs.batches import Batches
from service.jobs.leases import Leases
from service.jobs.ledger import totals
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import ScoreRequest
from service.jobs.unattended import end_unattended
from service.pictures.images import fitted_size
from service.storage.database import Database
from service.storage.records import DonePicture, JobCheckpoint
from service.storage.schema import JobRow
from service.telemetry.instruments import REGISTRY

FIRST, LAST = date(2020, 1, 1), date(2100, 1, 1)
WIDTH, HEIGHT = fitted_size(REQUEST.content.width, REQUEST.content.height, REQUEST.size)
EVALUATION = WIDTH * HEIGHT / 1e6


def summed(database: Database, *, by_day: bool = False) -> list[dict[str, object]]:
    with database.reading() as session:
        return totals(session, "default", FIRST, LAST, by_day=by_day)


def evaluated(database: Database) -> object:
    return summed(database)[0]["megapixel_evaluations"]


def counted() -> tuple[float, float]:
    """The megapixel-evaluations and bytes of transfers that the metrics have counted in this process."""
    samples = (
        ("nst_usage_megapixel_evaluations_total", {"kind": "transfer"}),
        ("nst_usage_bytes_total", {"kind": "transfer", "direction": "in"}),
    )
    first, second = (REGISTRY.get_sample_value(*sample) or 0.0 for sample in samples)
    return first, second


def test_all_attempts_count(database: Database, queue: Queue, hasty: Leases, leases: Leases) -> None:
    id = submit(queue, files=[1000])
    lost = claimed(hasty)
    lost.meter.evaluated += 3_000_000
    hasty.report(lost)
    given_back = claimed(leases)
    given_back.meter.evaluated += 2_000_000
    leases.give_back(given_back)
    last = claimed(leases)
    last.meter.evaluated += 1_000_000
    leases.succeed(last, RESULT, files=[500])
    usage = queue.get(id).usage
    assert usage is not None
    assert usage.megapixel_evaluations == pytest.approx(6.0)
    assert (usage.bytes_in, usage.bytes_out) == (1000, 500)
    assert usage.compute_s >= 0


def test_sums_outlive_the_jobs(database: Database, queue: Queue, leases: Leases) -> None:
    for _ in range(2):
        id = submit(queue, files=[1000])
        claim = claimed(leases)
        claim.meter.evaluated += 1_500_000
        leases.succeed(claim, RESULT, files=[500])
        queue.delete(id)
    canceled = submit(queue, files=[10])
    queue.cancel(canceled)
    (found,) = summed(database)
    assert found.pop("compute_s") >= 0  # type: ignore[operator]  # a number
    assert found == {
        "tenant": "default",
        "jobs": 3,
        "megapixel_evaluations": pytest.approx(3.0),
        "bytes_in": 2010,
        "bytes_out": 1000,
    }
    assert {type(value) for value in found.values()} == {str, int, float}  # no decimals, which are texts in JSON
    (day,) = {entry["day"] for entry in summed(database, by_day=True)}
    now = datetime.now(UTC)
    assert day in {moment.date().isoformat() for moment in (now, now - timedelta(minutes=1))}


@pytest.mark.parametrize("is_running", [True, False])
def test_a_job_that_is_deleted_before_its_end_counts(
    database: Database, queue: Queue, leases: Leases, is_running: bool
) -> None:
    id, before = submit(queue, files=[1000]), counted()
    if is_running:
        claim = claimed(leases)
        claim.meter.evaluated += 1_500_000
        leases.report(claim)
    queue.delete(id)
    (found,) = summed(database)
    assert (found["jobs"], found["bytes_in"]) == (1, 1000)
    assert found["megapixel_evaluations"] == pytest.approx(1.5 if is_running else 0.0)
    grown = [after - once for after, once in zip(counted(), before, strict=True)]
    assert grown == pytest.approx([found["megapixel_evaluations"], 1000])


@pytest.mark.parametrize("how", ["canceled", "deleted", "deleted with its batch"])
def test_the_finished_pictures_of_a_series_count_however_its_caller_ends_it(
    database: Database, queue: Queue, leases: Leases, how: str
) -> None:
    batches = Batches(database, Limits())
    batch = submitted(batches, 1).id
    claim = claimed(leases)
    done = tuple(DonePicture(bytes=size) for size in (300, 5000))
    leases.report(claim, checkpoint=JobCheckpoint("checkpoint", done=done))
    ways: dict[str, Callable[[], object]] = {
        "canceled": lambda: leases.cancel(claim),
        "deleted": lambda: queue.delete(claim.id),
        "deleted with its batch": lambda: batches.delete(batch),
    }
    ways[how]()
    assert summed(database)[0]["bytes_out"] == 5300


@pytest.mark.parametrize(
    "how", ["deleted", "canceled", "given back", "overdue", "canceled, its worker dead", "overdue, its worker dead"]
)
def test_a_transfer_that_its_caller_ends_before_its_worker_reports_counts_an_evaluation(
    database: Database, queue: Queue, leases: Leases, hasty: Leases, how: str
) -> None:
    id = submit(queue, deadline_s=60)
    claim = claimed(hasty if "dead" in how else leases)
    if how == "given back":
        queue.cancel(id)
    elif how == "overdue, its worker dead":
        pass_time(database, id, 60)
    ways: dict[str, Callable[[], object]] = {
        "deleted": lambda: queue.delete(id),
        "canceled": lambda: leases.cancel(claim),
        "given back": lambda: leases.give_back(claim),
        "overdue": lambda: leases.fail_overdue(claim),
        "canceled, its worker dead": lambda: queue.cancel(id),
        "overdue, its worker dead": lambda: end_unattended(database),
    }
    ways[how]()
    assert evaluated(database) == pytest.approx(EVALUATION)


def test_a_score_that_is_deleted_before_it_is_known_counts_its_evaluation(
    database: Database, queue: Queue, leases: Leases
) -> None:
    asked = Submission(new_id(), ScoreRequest(REQUEST, REQUEST.content), "")
    for expected in (0.0, EVALUATION):
        id = queue.submit(replace(asked, id=new_id())).id
        if expected:
            claimed(leases)
        queue.delete(id)
        assert evaluated(database) == pytest.approx(expected)


@pytest.mark.parametrize("usage", ['{"compute_s": "x", "bytes_in": -5}', "[1]", '{"compute_s": 1e999}'])
def test_a_damaged_cost_stops_no_job(database: Database, queue: Queue, leases: Leases, usage: str) -> None:
    id = submit(queue)
    with database.writing() as session:
        session.execute(text("UPDATE jobs SET usage = :usage"), {"usage": usage})
    claim = claimed(leases)
    leases.report(claim)
    leases.succeed(claim, RESULT, files=[500])
    assert queue.get(id).status == "succeeded"
    (found,) = summed(database)
    assert (found["bytes_in"], found["bytes_out"]) == (0, 500)


def test_a_damaged_size_stops_no_cancellation(database: Database, queue: Queue, hasty: Leases) -> None:
    id = submit(queue)
    claimed(hasty)
    with database.writing() as session:
        row = session.query(JobRow).filter_by(id=id).one()
        row.request = (row.request or {}) | {"options": {"size": "large"}}
    assert queue.cancel(id).status == "canceled"
    assert evaluated(database) == 0


def test_days_outside_are_left_out(database: Database, queue: Queue) -> None:
    queue.cancel(submit(queue))
    with database.reading() as session:
        assert totals(session, None, FIRST, FIRST, by_day=False) == []
        assert totals(session, "other", FIRST, LAST, by_day=False) == []
        assert len(totals(session, None, FIRST, LAST, by_day=False)) == 1
