"""The database is away just when a job ends: its end is written again, and counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

import numpy as np
import pytest
from front_door import png
from jobs.stepped import State
from jobs.submitting import claimed, submit

from service.errors import DatabaseError, JobFailed
from service.jobs import repeated_end
from service.jobs.finish import finish
from service.jobs.judging import Judgement
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.ledger import totals
from service.jobs.meter import cpu_time
from service.jobs.queue import Queue, Submission
from service.jobs.request import Painting, TransferRequest
from service.machine.memory import Capacity
from service.options import TransferOptions
from service.pictures.images import digest
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.stored_files import StoredImage
from service.worker.reporter import Canceled, Reporter
from service.worker.series import Made, Make, SeriesRun

PICTURE = png(np.zeros((40, 60, 3), np.uint8))
LOST, KEPT = "lost", "kept"  # what becomes of a transaction whose commit fails


class Copying(SeriesRun):
    """A transfer that delivers its content."""

    def check_memory(self, request: TransferRequest) -> int:
        return 0

    def maker(self, request: TransferRequest, *, resumes: bool) -> Make:
        self.claim.meter.evaluated += 1_000_000
        return lambda k, order: Made(order.content)


class Unwanted(Copying):
    """A transfer that its caller cancels after a step."""

    def work(self) -> None:
        self.reporter.on_progress(State(1))
        raise Canceled


@dataclass(frozen=True)
class Store:
    """A queue with its files, whose database goes away when jobs end.

    `outage` is what becomes of the next ends of jobs, whose commits all fail.
    """

    queue: Queue
    leases: Leases
    blobs: Blobs
    outage: list[str]

    def submit_copy(self) -> str:
        """A transfer's id, whose content is stored."""
        self.blobs.put("jobs/copied/content", PICTURE)
        content = StoredImage("jobs/copied/content", digest(PICTURE), 60, 40)
        request = TransferRequest(content, Painting((), TransferOptions(size=64, iterations=1)))
        return self.queue.submit(Submission("copied", request)).id

    def run(self, kind: type[SeriesRun] = Copying, leases: Leases | None = None) -> SeriesRun:
        """The next job, in the hands of a worker."""
        leases = leases or self.leases
        claim = claimed(leases)
        reporter = Reporter(leases, self.blobs, claim, lambda: False, 60)
        return kind(leases, self.blobs, Capacity(None, "float32"), claim, reporter)

    def result(self, id: str) -> bytes:
        """The picture that a job's row names."""
        result = self.queue.get(id).transfer_result
        assert result
        return self.blobs.get(result.pictures[0].blob)

    def jobs_and_cost(self) -> tuple[int, float]:
        """The jobs that have ended and what they cost, as their tenant's usage has it."""
        with self.leases.database.reading() as session:
            (found,) = totals(session, "default", date(2020, 1, 1), date(2100, 1, 1), by_day=False)
        return found["jobs"], found["megapixel_evaluations"]


@pytest.fixture
def store(database: Database, queue: Queue, leases: Leases, blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> Store:
    coming: list[str] = []
    dialect, ends = database._engine.dialect, [False]
    commit, errors = dialect.do_commit, dialect.dbapi
    assert errors

    def finish_then(*args: Any) -> None:
        finish(*args)
        ends[0] = bool(coming)

    def do_commit(connection: Any) -> None:
        if not ends[0]:
            commit(connection)
            return
        ends[0] = False
        if coming.pop(0) == KEPT:
            commit(connection)
        raise errors.OperationalError("the server went away")

    monkeypatch.setattr("service.jobs.leases.finish", finish_then)
    monkeypatch.setattr(dialect, "do_commit", do_commit)
    monkeypatch.setattr(repeated_end, "AGAIN_S", 0.0)
    return Store(queue, leases, blobs, coming)


@pytest.mark.parametrize("outage", [[KEPT], [LOST, KEPT]])
def test_a_job_that_ends_then_keeps_its_result_and_counts_once(store: Store, outage: list[str]) -> None:
    id = store.submit_copy()
    store.outage.extend(outage)
    store.run().carry_out()
    job = store.queue.get(id)
    assert (job.status, job.attempts, job.fence) == ("succeeded", 1, 1)
    assert store.result(id)
    jobs, cost = store.jobs_and_cost()
    assert jobs == 1
    assert cost == pytest.approx(1.0, abs=0.001)  # what was read for it counts too
    assert store.leases.claim("other:2", {}) is None


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda leases, claim: leases.judged(claim, "none", Judgement([], "hit")), "succeeded"),
        (lambda leases, claim: leases.fail(claim, JobFailed("it broke")), "failed"),
        (lambda leases, claim: leases.fail_overdue(claim), "failed"),
        (lambda leases, claim: leases.cancel(claim), "canceled"),
    ],
)
def test_every_end_is_written_again(store: Store, end: Callable[[Leases, Claim], None], status: str) -> None:
    id = submit(store.queue)
    store.outage.extend([LOST, KEPT])
    claim, hours = claimed(store.leases), count()
    claim.meter.clock = lambda: cpu_time() + 3600 * next(hours)
    end(store.leases, claim)
    job = store.queue.get(id)
    assert job.status == status
    assert job.usage
    assert job.usage.compute_s < 3600  # the outage isn't on its bill
    assert store.jobs_and_cost()[0] == 1


def test_a_last_report_that_can_t_be_written_stops_no_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("the server went away")

    id = submit(store.queue)
    run = store.run(Unwanted)
    monkeypatch.setattr(store.leases, "report", away)
    run.carry_out()
    assert store.queue.get(id).status == "canceled"


def test_after_a_lease_an_end_is_given_up_and_what_the_row_may_name_stays(store: Store, hasty: Leases) -> None:
    id = store.submit_copy()
    store.outage.append(KEPT)
    with pytest.raises(DatabaseError, match="went away"):
        store.run(leases=hasty).carry_out()
    assert store.result(id)


def test_who_loses_the_job_meanwhile_ends_it_no_more(
    store: Store, hasty: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = store.submit_copy()
    first = store.run()
    hasty.report(first.claim)  # its lease runs out
    store.outage.append(LOST)
    monkeypatch.setattr("time.sleep", lambda seconds: store.run().carry_out())
    with pytest.raises(LeaseLost):
        first.carry_out()
    results = [blob.key for blob in store.blobs.listing("jobs/copied") if "/result-" in blob.key]
    assert results == ["jobs/copied/result-2-0.png"]
    assert store.queue.get(id).status == "succeeded"
