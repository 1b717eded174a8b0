"""Services that tests may damage: each test has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService
from servers.postgresql import PostgreSQL


@pytest.fixture
def own_service(narrow_model: Path, tmp_path: Path) -> RunningService:
    """A service that the test starts; leases run out after 3 s."""
    return RunningService(narrow_model, tmp_path, lease_s=3)


@pytest.fixture
def on_postgresql(narrow_model: Path, tmp_path: Path, postgresql: PostgreSQL) -> Iterator[RunningService]:
    """A service over PostgreSQL that the test starts; leases run out after 3 s."""
    url = postgresql.fresh_database()
    yield RunningService(narrow_model, tmp_path, lease_s=3, database_url=url)
    postgresql.drop(url)
