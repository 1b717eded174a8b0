"""Two removals of a tenant at a time: the slower one leaves alone a new tenant that has its name by then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from front_door import eventually, png
from jobs.submitting import REQUEST
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from service.decoding import files
from service.jobs.batches import Batches, BatchItem
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.pictures.images import ImageFile
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.schema import BatchRow, CallerRow, DeliveryRow, JobRow
from service.storage.style_uses import note_uses
from service.storage.tenant_schema import KeyRow, StyleUseRow, TenantRow, UsageRow
from service.styles.presets import Presets
from service.tenants.callers import owner_of
from service.tenants.keys import Keys
from service.tenants.removal import finish_removals, remove_tenant
from service.tenants.scopes import ALL
from service.tenants.tenants import LOCK, REST_S, Tenants

pytestmark = pytest.mark.slow

ACME = "acme"
TABLES = (KeyRow, JobRow, BatchRow, PresetRow, PresetVersionRow, DeliveryRow, UsageRow, StyleUseRow)
WRITES = 7  # at least, of a removal: the mark; jobs, batches, presets, former states, Gram matrices; all else
WAITING = text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
ZERO = dict.fromkeys(("jobs", "megapixel_evaluations", "compute_s", "bytes_in", "bytes_out"), 0)


class Overtaken:
    """A database in which something happens before the transaction number `step` that writes."""

    def __init__(self, database: Database, step: int, happen: Callable[[], None]) -> None:
        self._database = database
        self._happen = happen
        self.step = step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def writing(self) -> AbstractContextManager[Session]:
        if self.step == 0:
            self._happen()
        self.step -= 1
        return self._database.writing()


@pytest.fixture(scope="module")
def image() -> ImageFile:
    return files.check_image(png(np.zeros((8, 8, 3), np.uint8)))


def make(database: Database, blobs: Blobs, image: ImageFile) -> None:
    """Make a tenant that has something of each kind."""
    Tenants(database).add(ACME)
    Keys(database).add(ACME, "key", ALL)
    for _ in range(2):
        Presets(database, blobs, tenant=ACME).put("own", "", [StyleImage(image)])
    Queue(database, Limits()).of(ACME).submit(Submission(new_id(), REQUEST, owner_of(ACME)))
    item = BatchItem(Submission(new_id(), REQUEST, owner_of(ACME)))
    Batches(database, Limits()).of(ACME).submit(new_id(), [item], None, None)
    with database.writing() as session:
        due = DeliveryRow(id=new_id(), tenant=ACME, job_id="gone", url="", payload={}, created_at=0.0, due_at=1.0)
        session.add_all([due, UsageRow(tenant=ACME, day="2026-11-01", **ZERO)])
        note_uses(session, [(ACME, "1" * 64)])


def contents(database: Database) -> list[int]:
    """Return how many rows the tenant has in each table, and as a caller."""
    with database.reading() as session:
        found = [select(func.count()).where(table.tenant == ACME) for table in TABLES]
        found.append(select(func.count()).where(CallerRow.owner == owner_of(ACME)))
        return [session.scalar(count) or 0 for count in found]


def overtake(database: Database, blobs: Blobs, image: ImageFile) -> None:
    """End a removal, and use the name again as soon as that is possible."""
    remove_tenant(database, blobs, ACME)
    with database.writing() as session:
        session.get_one(TenantRow, ACME).removed_at = read_clock(session) - REST_S
    make(database, blobs, image)


def test_a_removal_that_another_one_overtakes_leaves_a_new_tenant_of_that_name(
    database: Database, blobs: Blobs, image: ImageFile
) -> None:
    make(database, blobs, image)
    full, step = contents(database), 0
    assert all(full)
    while True:
        overtaken = Overtaken(database, step, lambda: overtake(database, blobs, image))
        found = remove_tenant(overtaken, blobs, ACME)  # type: ignore[arg-type]
        assert found.complete
        if overtaken.step >= 0:
            break
        assert contents(database) == full, f"overtaken before transaction {step}"
        assert Tenants(database).get(ACME)
        step += 1
    assert step >= WRITES
    assert not any(contents(database))


def test_so_does_a_sweep(database: Database, blobs: Blobs, image: ImageFile) -> None:
    make(database, blobs, image)
    full = contents(database)
    remove_tenant(database, blobs, ACME, seconds=0)
    overtaken = Overtaken(database, 0, lambda: overtake(database, blobs, image))
    assert finish_removals(overtaken, blobs)  # type: ignore[arg-type]
    assert contents(database) == full


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nobody_makes_a_tenant_while_a_removal_s_transaction_removes_rows(
    database: Database, blobs: Blobs, image: ImageFile
) -> None:
    is_marked, go_on = threading.Event(), threading.Event()

    def halt() -> None:
        is_marked.set()
        assert go_on.wait(60)

    make(database, blobs, image)
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(remove_tenant, Overtaken(database, 1, halt), blobs, ACME)  # type: ignore[arg-type]
        assert is_marked.wait(60)
        with database.writing() as session:
            advisory_lock(session, LOCK)  # as who makes a tenant
            go_on.set()
            eventually(lambda: session.scalar(WAITING) == 1, 30, "it doesn't wait")
            assert session.execute(select(JobRow.id).with_for_update(nowait=True)).all()
        assert done.result(60).complete
