"""Limits of tenants on jobs: refused where they are submitted, or passed over by workers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from jobs.limited import COMPARISON, COSTLY, LEARNING, queue_of, refused, used_on
from jobs.submitting import REQUEST, RESULT, claimed, submit

from service.errors import LimitExceeded
from service.jobs import scheduling
from service.jobs.cost import planned_cost
from service.jobs.leases import Leases
from service.jobs.queue import Submission, new_id
from service.jobs.request import StoredStyle
from service.jobs.tasks import CompareTask, PackTask, WarmTask
from service.pictures.sizes import LADDER
from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.stored_files import StoredFile, StoredImage
from service.storage.tenant_limits import TenantLimits
from service.tenants.tenants import Tenants


def test_so_many_jobs_of_a_tenant_wait_as_may_whoever_sent_them(database: Database, leases: Leases) -> None:
    queue = queue_of(database, "default", waiting_jobs=2)
    for owner in ("a", "b"):
        submit(queue, owner)
    error = refused(queue)
    assert error.problem()["limit"] == {"name": "waiting_jobs", "value": 2, "used": 2}
    assert error.retry_after == 60.0  # no worker is alive, so nobody knows
    Tenants(database).add("other")
    submit(queue_of(database, "other", waiting_jobs=2), "z")
    claimed(leases)
    submit(queue, "c")


def test_own_values_go_before_the_defaults_and_count_at_once(database: Database) -> None:
    tenants = Tenants(database)
    tenants.add("acme", TenantLimits(waiting_jobs=1))
    queue = queue_of(database, "acme", waiting_jobs=3)
    submit(queue)
    assert refused(queue).value == 1
    tenants.set_limits("acme", {"waiting_jobs": 2, "presets": 7})
    submit(queue)
    assert refused(queue).value == 2
    tenants.set_limits("acme", {"waiting_jobs": None})
    submit(queue)
    assert refused(queue).value == 3
    assert tenants.get("acme").limits == {"presets": 7}


def test_many_at_once_do_not_pass_a_limit(database: Database) -> None:
    queue = queue_of(database, "default", waiting_jobs=3)

    def attempt(_: int) -> bool:
        try:
            submit(queue)
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(20))) == 3


def test_a_day_s_cost_is_what_ended_today_and_what_is_to_come(database: Database, leases: Leases) -> None:
    cost, now = planned_cost(COSTLY), datetime.now(UTC)
    assert cost > 1
    queue = queue_of(database, "default", daily_cost=2.5 * cost)
    for day in (-1, 1):  # other days don't count, nor hide today's: a clock may have been wrong
        used_on(database, "default", now + timedelta(days=day), 1000 * cost)
    for _ in range(2):
        queue.submit(Submission(new_id(), COSTLY, "o"))
    error = refused(queue, COSTLY)
    assert error.problem()["limit"] == {
        "name": "daily_cost", "value": 2.5 * cost, "used": pytest.approx(2 * cost, abs=0.001)
    }  # fmt: skip
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert error.retry_after == pytest.approx((midnight - now).total_seconds(), abs=60)
    leases.succeed(claimed(leases), RESULT)  # it cost nothing in the end
    queue.submit(Submission(new_id(), COSTLY, "o"))
    submit(queue)  # a small one fits still
    used_on(database, "default", now, 2.5 * cost)
    for request in (REQUEST, LEARNING):
        assert refused(queue, request).limit == "daily_cost"


def test_what_a_learning_will_take_is_told_by_those_before(database: Database, leases: Leases) -> None:
    """Tasks wait and run at a cost, which is settled when they end."""
    queue = queue_of(database, "default", daily_cost=60.0)
    hour = replace(LEARNING, minutes=60.0)
    assert refused(queue, hour).used == 0
    for _ in range(2):
        queue.submit(Submission(new_id(), LEARNING, "o"))
    assert planned_cost(LEARNING) == pytest.approx(20.0 + COMPARISON)
    assert refused(queue, replace(LEARNING, minutes=2.0)).used == pytest.approx(40.0 + 2 * COMPARISON)
    for _ in range(2):
        claim = claimed(leases)
        claim.meter.evaluated += 500_000
        leases.succeed(claim, RESULT)
    queue.submit(Submission(new_id(), replace(LEARNING, minutes=100.0), "o"))
    assert refused(queue, replace(LEARNING, minutes=20.0)).used == pytest.approx(51.0 + COMPARISON)


def test_what_a_learning_takes_whatever_its_minutes_is_planned_apart(
    database: Database, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its style pictures at three sizes, and the comparison that follows."""
    monkeypatch.setattr(scheduling, "PATIENCE_S", -1.0)
    queue = queue_of(database, "default", daily_cost=60.0)
    picture = StyleImage(StoredImage("s", "s", 200, 100))
    short = replace(LEARNING, style=replace(LEARNING.style, images=(picture, picture)), minutes=0.01)
    beside = 2 * (32 * 16 + 64 * 32 + 128 * 64) / 1e6 + COMPARISON
    assert planned_cost(short) == pytest.approx(0.2 + beside)
    for before in (0.0, 2.505):
        id = queue.submit(Submission(new_id(), short, "o")).id
        compare = CompareTask(short.style, short.version, short.size, learning=id)
        claim = claimed(leases)
        claim.meter.evaluated += 5_000
        claim.meter.count_style(2_000_000)
        leases.succeed(claim, RESULT, then=compare)
        assert refused(queue, replace(short, minutes=1e6)).used == pytest.approx(before + 2.005 + COMPARISON)
        claim = claimed(leases)
        claim.meter.evaluated += 500_000
        leases.succeed(claim, RESULT)
    assert refused(queue, replace(short, minutes=1e6)).used == pytest.approx(2 * 2.505)
    queue.submit(Submission(new_id(), replace(short, minutes=100.0), "o"))  # 50, and what is beside them
    assert refused(queue, replace(short, minutes=10.0)).used == pytest.approx(2 * 2.505 + 50.0 + beside)


def test_warming_and_packs_cost_the_pixels_of_their_pictures() -> None:
    image = StyleImage(StoredImage("s", "s", 200, 100), scale=0.5)
    style = StoredStyle("harbour", 1.0, 2.0, (image, image))
    levels = (128 * 64, 64 * 32, 32 * 16)  # of both sizes together
    assert planned_cost(WarmTask(style, (128, 64))) * 1e6 == pytest.approx(2 * sum(levels))
    assert planned_cost(PackTask(style, "v", "", None)) * 1e6 == pytest.approx(sum(size**2 for size in LADDER))
    assert planned_cost(WarmTask(replace(style, pack=StoredFile("p", "p")), (128,))) == 0


def test_a_job_that_costs_more_than_a_day_has_is_told_so(database: Database) -> None:
    error = refused(queue_of(database, "default", daily_cost=0.1), COSTLY)
    assert error.detail.endswith("which is too much for any day")
