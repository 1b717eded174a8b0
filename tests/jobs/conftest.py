"""A queue over an empty database, for each kind of database."""

from __future__ import annotations

import pytest

from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
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
