"""Limits on running jobs: a tenant is passed over while as many of its jobs run as may."""

from __future__ import annotations

import random

import pytest
from jobs.limited import LEARNING
from jobs.submitting import RESULT, claimed, submit

from service.jobs import scheduling
from service.jobs.leases import Claim, Leases
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.tenant_limits import TenantLimits
from service.tenants.tenants import Tenants


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
