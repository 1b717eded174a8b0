"""python -m bench.limits: what the limits of a tenant cost a request.

A tenant with all limits and 1000 jobs in SQLite, in a request context of a web process: the hooks that every request
passes, and with them the checks and headers of one that submits a job; that also for a tenant without limits.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flask import Flask, Response
from sqlalchemy import update

from service.api import auth, limits
from service.api.auth import caller
from service.api.context import KEY, context
from service.config import Settings
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, TransferRequest
from service.options import TransferOptions
from service.storage.database import Database, now
from service.storage.pictures import StoredImage
from service.storage.schema import JobRow
from service.storage.tenant_limits import NO_LIMITS, TenantLimits
from service.tenants.callers import owner_of
from service.tenants.keys import OPERATOR, Keys
from service.tenants.scopes import ALL
from service.tenants.tenants import Tenants
from service.web.app import create_app

LIMITED, FREE, KEPT, CALLS = "limited", "free", 1000, 2000
REQUEST = TransferRequest(StoredImage("content", "c", 512, 384), Painting((), TransferOptions()))
GENEROUS = TenantLimits(1e6, 1_000_000, 1_000_000, 1_000_000, 1e9, 1e9, 1_000_000, 1_000_000)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data=Path(folder), starters=False, queue_limit=KEPT + 1, caller_limit=KEPT + 1))
        with closing(app.extensions[KEY].database) as database:
            keys = {}
            for tenant, values in ((FREE, NO_LIMITS), (LIMITED, GENEROUS)):
                Tenants(database).add(tenant, values)
                keys[tenant] = Keys(database).add(OPERATOR, tenant, "bench", ALL).text
                _keep(database, app.extensions[KEY].queue.of(tenant), tenant)
            _print("each request", _measured(app, keys[LIMITED], "GET", "/v1/styles", _hooks))
            for tenant, key in keys.items():
                _print(f"a submission, {tenant}", _measured(app, key, "POST", "/v1/transfers", _submission))


def _keep(database: Database, queue: Queue, tenant: str) -> None:
    """Add jobs that have ended."""
    with database.writing() as session:
        for _ in range(KEPT):
            queue.submit_in(session, Submission(new_id(), REQUEST, owner_of(tenant), bytes=100_000))
        session.execute(update(JobRow).values(status="succeeded", finished_at=now()))


def _hooks() -> None:
    limits._check_rate()
    limits._add_ratelimit_headers(Response())


def _submission() -> None:
    _hooks()
    context().queue.check_limits(owner_of(caller().tenant), 100_000, 5.0)


def _measured(app: Flask, key: str, method: str, path: str, work: Callable[[], None]) -> list[float]:
    took = []
    for _ in range(CALLS):
        with app.test_request_context(path, method=method, headers={"X-API-Key": key}):
            auth._authenticate()
            begun = time.perf_counter()
            work()
            took.append(1e3 * (time.perf_counter() - begun))
    return sorted(took)


def _print(what: str, took: list[float]) -> None:
    print(f"{what}: median {statistics.median(took):.3f} ms, 99 % under {took[int(0.99 * CALLS)]:.3f} ms")


if __name__ == "__main__":
    main()
