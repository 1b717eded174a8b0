"""Losses that follow: the tasks that measure them, and where these stand in the queue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from jobs.submitting import REQUEST, RESULT, claimed, submit
from sqlalchemy import select, update

from service.engine.losses import Losses
from service.errors import JobFailed, QueueFull
from service.jobs import attempts, judging, scheduling
from service.jobs.judging import Judgement
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.ledger import totals
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.jobs.scheduling import JUDGE_LATEST_S, JUDGE_PATIENCE_S
from service.jobs.tasks import CompareTask, JudgeTask, LearnTask
from service.machine.memory import Capacity
from service.options import TransferOptions
from service.painting.order import Order
from service.pictures.images import fitted_size
from service.storage.blobs import Blobs
from service.storage.database import Database, read_clock
from service.storage.kinds import COMPARE, JUDGE, LEARN, TRANSFER
from service.storage.records import JobCheckpoint, JobProgress
from service.storage.schema import JobRow
from service.storage.tenant_schema import TenantRow
from service.worker.judge import JudgeRun
from service.worker.reporter import Reporter, Stopping

LOSSES = {"content": 1.0, "style": 2.0, "tv": 3.0, "total": 4.0}


def painted(
    queue: Queue, leases: Leases, ago: float = 2 * JUDGE_PATIENCE_S, request: TransferRequest = REQUEST
) -> str:
    """The id of a transfer that has ended so many seconds ago, and has a task for its losses."""
    id = queue.submit(Submission(new_id(), request)).id
    claim = claimed(leases)
    assert claim.id == id
    pictures = (replace(RESULT.pictures[0], losses=None),) * len(request.paintings)
    leases.succeed(claim, replace(RESULT, pictures=pictures), then=JudgeTask(id, request))
    with leases.database.writing() as session:
        newest = session.query(JobRow).filter_by(kind=JUDGE).order_by(JobRow.number.desc()).first()
        assert newest is not None
        newest.created_at -= ago
    return id


def judges(database: Database) -> list[JobRow]:
    with database.reading() as session:
        return list(session.scalars(select(JobRow).where(JobRow.kind == JUDGE)))


def judgement(leases: Leases, claim: Claim) -> None:
    task = JudgeTask.from_json(claim.request)
    assert task.request == REQUEST
    leases.judged(claim, task.transfer, Judgement([LOSSES], "miss"))


def test_a_success_brings_its_task_along_which_enters_the_losses(
    queue: Queue, leases: Leases, database: Database
) -> None:
    id = painted(queue, leases)
    before = queue.get(id)
    assert before.transfer_result is not None
    assert before.transfer_result.pictures[0].losses is None
    judgement(leases, claimed(leases))
    after = queue.get(id)
    assert after.transfer_result is not None
    assert after.transfer_result.pictures[0].losses == LOSSES
    assert (after.status, after.style_cache, after.events) == ("succeeded", "miss", before.events + 1)
    assert [row.status for row in judges(database)] == ["succeeded"]


@pytest.mark.parametrize("outcome", ["judged", "failed", "canceled", "worn out", "deleted"])
def test_what_it_costs_is_the_transfer_s_and_is_counted_once(
    queue: Queue, leases: Leases, hasty: Leases, database: Database, outcome: str
) -> None:
    id = painted(queue, leases)
    if outcome == "worn out":
        for _ in range(attempts.MAX_ATTEMPTS):
            claim = claimed(hasty)
            claim.meter.evaluated += 500_000
            hasty.report(claim)
        assert leases.claim("host:1", {}) is None
    else:
        claim = claimed(leases)
        claim.meter.evaluated += 1_500_000
        leases.report(claim)
    ways: dict[str, Callable[[], None]] = {
        "failed": lambda: leases.fail(claim, JobFailed("no")),
        "canceled": lambda: leases.cancel(claim),
        "worn out": lambda: None,
        "deleted": lambda: queue.delete(id),
    }
    ways.get(outcome, lambda: judgement(leases, claim))()
    with database.reading() as session:
        (sums,) = totals(session, "default", date(2020, 1, 1), date(2100, 1, 1), by_day=False)
        rows = session.scalars(select(JobRow).where(JobRow.kind == TRANSFER)).all()
    assert (sums["jobs"], sums["megapixel_evaluations"]) == (1, 1.5)
    assert [row.usage and row.usage.megapixel_evaluations for row in rows] == ([] if outcome == "deleted" else [1.5])


def test_one_that_is_deleted_before_its_worker_reports_counts_an_evaluation(
    queue: Queue, leases: Leases, database: Database
) -> None:
    id = painted(queue, leases)
    claimed(leases)
    queue.delete(id)
    with database.reading() as session:
        (sums,) = totals(session, "default", date(2020, 1, 1), date(2100, 1, 1), by_day=False)
    width, height = fitted_size(REQUEST.content.width, REQUEST.content.height, REQUEST.size)
    assert sums["megapixel_evaluations"] == pytest.approx(width * height / 1e6)


def test_nothing_is_entered_where_the_transfer_was_deleted(queue: Queue, leases: Leases, database: Database) -> None:
    id = painted(queue, leases)
    claim = claimed(leases)
    queue.delete(id)
    with pytest.raises(LeaseLost):
        judgement(leases, claim)
    assert judges(database) == []


def test_judging_comes_after_other_jobs_and_before_learning_and_gives_way_to_what_comes_before(
    queue: Queue, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE_S", -1.0)
    painted(queue, leases)
    style = StoredStyle("p", 1.0, 1.0, ())
    queue.submit(Submission("learn", LearnTask(style, "v", 64, 1.0), "caller"))
    queue.submit(Submission("compare", CompareTask(style, "v", 64), "caller"))
    other = submit(queue, "caller")
    assert claimed(leases).id == other
    judge, compare, learn = (claimed(leases) for _ in range(3))
    assert [claim.kind for claim in (judge, compare, learn)] == [JUDGE, COMPARE, LEARN]
    assert not any(leases.must_give_way(claim) for claim in (judge, compare, learn))
    leases.give_back(compare)
    assert [leases.must_give_way(claim) for claim in (judge, learn)] == [False, True]
    submit(queue, "caller")
    assert leases.must_give_way(judge)


def test_as_many_give_way_as_jobs_wait(
    queue: Queue, leases: Leases, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE_S", -1.0)
    for k in range(4):
        queue.submit(Submission(f"compare-{k}", CompareTask(StoredStyle("p", 1.0, 1.0, ()), "v", 64)))
    running = [claimed(leases) for _ in range(4)]
    for jobs in (1, 2):
        ids = [submit(queue) for _ in range(jobs)]
        giving_way = [claim for claim in running if leases.must_give_way(claim)]
        assert giving_way == running[:jobs]
        for claim in giving_way:
            running.remove(claim)
            leases.give_back(claim)
            assert not any(leases.must_give_way(claim) for claim in running)
        assert [claimed(leases).id for _ in ids] == ids
    (last,) = running
    submit(queue)
    assert [leases.must_give_way(last) for _ in range(2)] == [True, False]
    with database.writing() as session:  # as where its worker died before it gave way
        session.execute(update(JobRow).values(lease_until=JobRow.lease_until - scheduling.HANDOVER_S))
    assert leases.must_give_way(last)


def test_it_gives_way_to_what_has_waited_and_later_each_time(
    queue: Queue, leases: Leases, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE_S", 30.0)
    painted(queue, leases)
    for patience in (30.0, 60.0, 120.0):
        claim = claimed(leases)
        other = submit(queue)
        for waited, gives_way in ((patience - 10, False), (patience + 10, True)):
            with database.writing() as session:
                session.query(JobRow).filter_by(id=other).one().created_at = read_clock(session) - waited
            assert leases.must_give_way(claim) == gives_way
        leases.give_back(claim)
        leases.cancel(claimed(leases))
    claim = claimed(leases)
    leases.report(claim, checkpoint=JobCheckpoint(progress=JobProgress(iteration=500)))
    leases.give_back(claim)
    for patience in (30.0, 60.0):  # in claims in vain since then, however far it got
        claim = claimed(leases)
        leases.report(claim, checkpoint=JobCheckpoint(progress=JobProgress(iteration=400)))
        assert claim.patience_s == patience
        leases.give_back(claim)


def test_a_judging_that_gives_way_goes_on_at_its_next_picture(
    queue: Queue, leases: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = tuple(Painting((), TransferOptions(iterations=0, seed=seed)) for seed in range(3))
    id = painted(queue, leases, request=replace(REQUEST, variants=variants))
    evaluated: list[int] = []

    def paint(run: JudgeRun, order: Order, overall: object) -> Any:
        evaluated.append(order.options.seed)
        if len(evaluated) == 2:
            raise Stopping
        result = SimpleNamespace(losses=Losses(1.0, 2.0, 3.0, 4.0 + order.options.seed), picture=np.zeros((2, 3, 3)))
        return SimpleNamespace(result=result, style_cache="hit")

    def order(run: JudgeRun, content: object, painting: Painting, decoded: object) -> Order:
        return Order(np.zeros((2, 3, 3), np.uint8), [], painting.options)

    monkeypatch.setattr(JudgeRun, "content", lambda *_: None)
    monkeypatch.setattr(JudgeRun, "order", order)
    monkeypatch.setattr(JudgeRun, "painted", paint)
    blobs, nothing = Blobs(tmp_path.as_uri()), cast(Any, SimpleNamespace(watched=lambda _: nullcontext()))
    for _ in range(2):
        claim = claimed(leases)
        reporter = Reporter(leases, blobs, claim, lambda: False, 60)
        JudgeRun(leases, blobs, Capacity(None, "float32"), claim, reporter, nothing).carry_out()
    assert evaluated == [0, 1, 1, 2]
    result = queue.get(id).transfer_result
    assert result is not None
    assert [(picture.losses or {})["total"] for picture in result.pictures] == [4.0, 5.0, 6.0]


def test_judging_waits_until_no_painting_follows(
    queue: Queue, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "JUDGE_PATIENCE_S", JUDGE_LATEST_S / 2)
    painted(queue, leases, ago=JUDGE_LATEST_S - 5)
    painted(queue, leases, ago=0)
    assert leases.claim("host:1", {}) is None
    painted(queue, leases, ago=JUDGE_LATEST_S + 1)
    assert claimed(leases).kind == JUDGE
    assert leases.claim("host:1", {}) is None


def test_a_task_that_waits_takes_no_place_of_its_callers(database: Database, leases: Leases) -> None:
    queue = Queue(database, Limits(queue=1, caller=1))
    painted(queue, leases)
    submit(queue)
    with pytest.raises(QueueFull):
        submit(queue)


def test_beyond_a_number_of_tasks_that_wait_pictures_stay_without_losses(
    queue: Queue, leases: Leases, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST", 1)
    painted(queue, leases)
    with database.writing() as session:
        session.query(JobRow).filter_by(kind=JUDGE).one().priority = -1
    other = submit(queue)
    leases.succeed(claimed(leases), RESULT, then=JudgeTask(other, REQUEST))
    assert queue.get(other).status == "succeeded"
    assert len(judges(database)) == 1
    with database.writing() as session:
        session.add(TenantRow(name="acme", created_at=0))
    of_acme = submit(queue.of("acme"))
    leases.succeed(claimed(leases), RESULT, then=JudgeTask(of_acme, REQUEST))
    assert len(judges(database)) == 2  # those of others take no place of a tenant's
