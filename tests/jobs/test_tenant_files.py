"""Limits on what a tenant's files take, and what limits cost a request."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from jobs.limited import COUNTED, queue_of, refused
from jobs.submitting import REQUEST, RESULT, claimed, submit
from sqlalchemy import Engine, event

from service.errors import JobFailed, LimitExceeded, NoSpace
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.jobs.request import Painting, TransferRequest
from service.jobs.result_bytes import planned_bytes
from service.options import TransferOptions
from service.storage.counted import BLOCK
from service.storage.database import Database
from service.storage.quota import all_bytes
from service.storage.stored_files import StoredImage
from service.storage.tenant_amounts import Amounts, amounts_of
from service.storage.tenant_limits import TenantLimits


def test_files_of_all_callers_of_a_tenant_count(database: Database) -> None:
    queue = queue_of(database, "default", stored_mb=1.0 + 3 * COUNTED / 2**20)
    submit(queue, "a", files=[700_000])
    error = refused(queue, files=[400_000 + 2 * COUNTED])
    assert (error.limit, error.retry_after) == ("stored_mb", 3600.0)  # no job has ended that could expire
    assert error.used == pytest.approx((700_000 + COUNTED) / 2**20, abs=0.001)
    submit(queue, "b", files=[300_000])


def test_what_results_may_take_counts_until_the_jobs_end(database: Database, leases: Leases) -> None:
    may_take, row = planned_bytes(REQUEST), COUNTED - planned_bytes(REQUEST)
    assert 512 * 512 * 3 < may_take < 512 * 512 * 3.1
    queue = queue_of(database, "default", stored_mb=3.5 * may_take / 2**20)
    ids = [submit(queue, files=[10]) for _ in range(3)]  # a file counts as a block
    assert refused(queue).limit == "stored_mb"
    leases.succeed(claimed(leases), RESULT, files=[may_take // 4, 10])
    leases.fail(claimed(leases), JobFailed("no"))
    with database.reading() as session:
        assert amounts_of(session, "default").stored_bytes == 3 * row + 4 * BLOCK + may_take + may_take // 4
        assert all_bytes(session)["jobs"] == 3 * row + 4 * BLOCK + may_take // 4  # which are there
    submit(queue)
    queue.cancel(ids[2])
    submit(queue)


def test_there_is_room_for_files_when_something_expires(database: Database, leases: Leases) -> None:
    limits = TenantLimits(stored_mb=1.5 * planned_bytes(REQUEST) / 2**20)
    for retention_s, expected in ((600.0, 600.0), (10 * 86_400.0, 86_400.0), (math.inf, 3600.0)):
        queue = Queue(database, Limits(tenant=limits, retention_s=retention_s))
        id = submit(queue)
        leases.succeed(claimed(leases), RESULT, files=[planned_bytes(REQUEST)])
        assert refused(queue).retry_after == pytest.approx(expected, abs=5)
        with pytest.raises(NoSpace) as caught:
            Queue(database, Limits(retention_s=retention_s, caller_bytes=planned_bytes(REQUEST))).check_limits("", 10)
        without_end = math.isinf(retention_s)
        assert caught.value.retry_after == (None if without_end else pytest.approx(expected, abs=5))
        queue.delete(id)
    assert refused(queue, files=[planned_bytes(REQUEST)]).retry_after == 3600.0  # more than all may take


def test_a_caller_s_own_files_count_where_its_tenant_has_more_than_a_caller_may(database: Database) -> None:
    limits = Limits(caller_bytes=2**20 + COUNTED, tenant=TenantLimits(stored_mb=100.0))
    queue = Queue(database, limits)
    submit(queue, "a", files=[700_000])
    queue.check_limits("b", 700_000)
    with pytest.raises(NoSpace):
        queue.check_limits("a", 700_000)


def test_a_count_of_a_moment_ago_never_refuses(database: Database) -> None:
    limits = TenantLimits(waiting_jobs=1)
    queue = Queue(database, Limits(tenant=limits))
    before = amounts_now(database)
    id = submit(queue)
    queue.room("o", limits, before)  # the job's own check decides
    assert refused(queue).limit == "waiting_jobs"
    with pytest.raises(LimitExceeded):
        queue.room("o", limits, None)
    with_job = amounts_now(database)
    queue.delete(id)
    queue.room("o", limits, with_job)


def amounts_now(database: Database) -> Amounts:
    with database.reading() as session:
        return amounts_of(session, "default")


def test_a_job_takes_as_many_statements_with_limits_as_without(database: Database) -> None:
    all_limits = {"waiting_jobs": 9, "daily_cost": 1e3, "stored_mb": 1e3, "presets": 9, "running_jobs": 9}
    free, limited = queue_of(database, "default"), queue_of(database, "default", **all_limits)
    submit(free)
    assert statements_of(lambda: submit(limited)) == statements_of(lambda: submit(free)) > 0


def statements_of(send: Callable[[], object]) -> int:
    sent = list[str]()
    note = lambda *args: sent.append(args[2])  # noqa: E731
    event.listen(Engine, "before_cursor_execute", note)
    send()
    event.remove(Engine, "before_cursor_execute", note)
    return len(sent)


def test_what_pictures_may_take_is_told_by_format_and_pixels() -> None:
    def kib(count: int = 1, **options: Any) -> float:
        painting = Painting((), TransferOptions(size=128, **options))
        series = (painting,) * count if count > 1 else ()
        return planned_bytes(TransferRequest(StoredImage("c", "c", 8, 4), painting, series)) / 1024

    assert kib() == 4 + 8 * 3
    assert kib(alpha="keep") == 4 + 8 * 4
    jpegs = [kib(format="jpeg", quality=quality) for quality in (1, 90, 91)]
    assert jpegs == pytest.approx([4 + 8 * x for x in (1.3, 1.9, 4.2)], abs=0.001)
    assert kib(format="webp", alpha="keep") == pytest.approx(4 + 8 * 2.2, abs=0.001)
    assert 16 * kib() < kib(16) < 16 * kib() + 17 * 200
    assert planned_bytes(replace(REQUEST, content=StoredImage())) == 0
