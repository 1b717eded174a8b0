"""Limits of tenants on jobs: refused where they are submitted, or passed over by workers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jobs.submitting import REQUEST, RESULT, claimed, submit
from sqlalchemy import Engine, event

from service.errors import JobFailed, LimitExceeded, NoSpace
from service.jobs import scheduling
from service.jobs.cost import planned_cost
from service.jobs.leases import Claim, Leases
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.jobs.result_bytes import planned_bytes
from service.jobs.tasks import CompareTask, LearnTask, PackTask, WarmTask
from service.machine.memory import Capacity
from service.options import TransferOptions
from service.pictures.sizes import LADDER
from service.pictures.style_image import StyleImage
from service.storage.counted import BLOCK, row_bytes
from service.storage.database import Database
from service.storage.pictures import StoredFile, StoredImage
from service.storage.quota import all_bytes
from service.storage.tenant_amounts import Amounts, amounts_of
from service.storage.tenant_limits import TenantLimits
from service.storage.tenant_schema import UsageRow
from service.tenants.tenants import Tenants

COUNTED = row_bytes(REQUEST.to_json()) + planned_bytes(REQUEST)  # of a job without files
COSTLY = replace(REQUEST, base=Painting((), TransferOptions(iterations=90)))
COMPARISON = 2 * (2 + 92) * 64 * 64 / 1e6
LEARNING = LearnTask(StoredStyle("harbour", 1.0, 1.0, ()), "v", 64, 1.0)


def queue_of(database: Database, tenant: str, **defaults: float) -> Queue:
    return Queue(database, Limits(tenant=TenantLimits(**defaults)), tenant)  # type: ignore[arg-type]


def used_on(database: Database, tenant: str, day: datetime, cost: float) -> None:
    """Enter a day's cost in the ledger."""
    zero = {"jobs": 1, "compute_s": 0.0, "bytes_in": 0, "bytes_out": 0}
    row = UsageRow(tenant=tenant, day=day.date().isoformat(), megapixel_evaluations=cost, **zero)
    with database.writing() as session:
        session.merge(row)


def refused(queue: Queue, request: object = REQUEST, **terms: Any) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as caught:
        queue.submit(Submission(new_id(), request, "o", **terms))  # type: ignore[arg-type]
    return caught.value


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
    used_on(database, "default", now - timedelta(days=1), 1000 * cost)  # yesterday's doesn't count
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


# Running jobs


@pytest.fixture
def tenants(database: Database) -> dict[str, Queue]:
    """The queues of acme, of whose jobs one may run, and of birch, which has no limit."""
    Tenants(database).add("acme", TenantLimits(running_jobs=1))
    Tenants(database).add("birch")
    return {name: Queue(database, Limits(), name) for name in ("acme", "birch")}


def test_a_tenant_is_passed_over_while_as_many_of_its_jobs_run_as_may(
    tenants: dict[str, Queue], leases: Leases
) -> None:
    ours = [submit(tenants["acme"], "tenant:acme") for _ in range(3)]
    others = [submit(tenants["birch"], "tenant:birch") for _ in range(2)]
    first = claimed(leases)
    assert first.id == ours[0]
    assert [claimed(leases).id for _ in others] == others
    assert leases.claim("host:1", {}) is None
    leases.succeed(first, RESULT)
    assert claimed(leases).id == ours[1]
    assert leases.claim("host:1", {}) is None


def test_a_job_of_a_dead_worker_is_taken_over_though_the_tenant_may_run_one(
    tenants: dict[str, Queue], database: Database, leases: Leases
) -> None:
    ids = [submit(tenants["acme"], "tenant:acme") for _ in range(2)]
    hasty = Leases(database, lease_s=-1)
    assert claimed(hasty).id == ids[0]
    assert claimed(leases).id == ids[0]
    assert leases.claim("host:1", {}) is None


def test_a_default_limit_counts_for_all_tenants(tenants: dict[str, Queue], database: Database) -> None:
    leases = Leases(database, 60, TenantLimits(running_jobs=2))
    for name, queue in tenants.items():
        for _ in range(4):
            submit(queue, f"tenant:{name}")
    claims = [claimed(leases) for _ in range(3)]
    rows = [tenants["acme"].row(claim.id) for claim in claims]
    assert sorted(row.tenant for row in rows if row) == ["acme", "birch", "birch"]
    assert leases.claim("host:1", {}) is None


def test_a_learning_gives_way_to_its_own_tenant_s_transfer(
    tenants: dict[str, Queue], leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "PATIENCE_S", 0.0)
    tenants["acme"].submit(Submission(new_id(), LEARNING, "tenant:acme"))
    learning = claimed(leases)
    submit(tenants["acme"], "tenant:acme")
    assert leases.must_give_way(learning)
    leases.give_back(learning)
    claimed(leases)
    assert leases.claim("host:1", {}) is None
    submit(tenants["acme"], "tenant:acme")
    assert not leases.must_give_way(learning)  # which couldn't begin anyway


@pytest.mark.parametrize("seed", range(6))
def test_positions_agree_with_claims_where_a_tenant_is_passed_over(
    tenants: dict[str, Queue], database: Database, leases: Leases, seed: int
) -> None:
    """Two workers take jobs that are equally long: the first that began ends first."""
    chance = random.Random(seed)
    for worker in ("host:1", "host:2"):
        WorkerRegistry(database).heartbeat(worker, Capacity(2**30, "float32"))
    line, ids, claims = Line(database), list[str](), list[Claim]()
    for _ in range(12):
        name = chance.choice(("acme", "acme", "birch"))
        ids.append(submit(tenants[name], f"tenant:{name}", priority=chance.randrange(2)))
    rows = [tenants["acme"].row(id) for id in ids]
    places = line.places([row for row in rows if row])
    assert sorted(place.position for place in places.values()) == list(range(1, 13))
    order: list[str] = []
    while len(order) < len(ids):
        claim = leases.claim("host:1", {}) if len(claims) < 2 else None
        if claim is None:
            leases.succeed(claims.pop(0), RESULT)
        else:
            claims.append(claim)
            order.append(claim.id)
    assert order == sorted(ids, key=lambda id: places[id].position)
