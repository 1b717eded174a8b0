"""Queues of tenants that have limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from jobs.submitting import REQUEST

from service.errors import LimitExceeded
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, StoredStyle
from service.jobs.result_bytes import planned_bytes
from service.jobs.tasks import LearnTask
from service.options import TransferOptions
from service.storage.counted import row_bytes
from service.storage.database import Database
from service.storage.tenant_limits import TenantLimits
from service.storage.tenant_schema import UsageRow

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
