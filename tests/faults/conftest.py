"""Services that are to be hurt, each a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService
from servers.postgresql import PostgreSQL


@pytest.fixture
def own_service(narrow_model: Path, tmp_path: Path) -> RunningService:
    """A service with one preset to be, not yet started; leases run out after 3 s."""
    return RunningService(narrow_model, tmp_path, lease_s=3)


@pytest.fixture
def on_postgresql(narrow_model: Path, tmp_path: Path, postgresql: PostgreSQL) -> Iterator[RunningService]:
    """A service over PostgreSQL."""
    url = postgresql.fresh_database()
    yield RunningService(narrow_model, tmp_path, lease_s=3, database_url=url)
    postgresql.drop(url)
