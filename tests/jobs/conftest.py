"""A queue over an empty database, for each kind of database."""

from __future__ import annotations

import pytest
from jobs.lining import CAPACITY

from service.jobs import line as module
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.line import Line
from service.jobs.queue import Queue
from service.jobs.registry import WorkerRegistry
from service.storage.database import Database


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, Limits())


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, lease_s=60)


@pytest.fixture
def hasty(database: Database) -> Leases:
    """Leases on the jobs of `queue` that run out at once."""
    return Leases(database, lease_s=-1)


@pytest.fixture
def line(database: Database, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A line that is worked out anew for each look, with a worker."""
    monkeypatch.setattr(module, "SHARED_S", -1.0)
    WorkerRegistry(database).heartbeat("host:1", CAPACITY)
    return Line(database)
