"""Services that tests may hurt."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService, eventually
from servers.postgresql import PostgreSQL


@pytest.fixture(scope="package")
def hurt_service(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service that these tests share, not yet started; leases run out after 3 s."""
    service = RunningService(narrow_model, tmp_path_factory.mktemp("hurt"), lease_s=3)
    yield service
    service.stop_if_up()


@pytest.fixture
def service(hurt_service: RunningService) -> Iterator[RunningService]:
    """The service without jobs, started if no test did or one has ended it; its log begins with the test."""
    if not hurt_service.is_up():
        hurt_service.start()
    eventually(hurt_service.is_ready, 60, "no worker")
    hurt_service.cancel_all()  # what a test left that stopped the service
    os.truncate(hurt_service.log, 0)
    yield hurt_service
    if hurt_service.is_up():
        hurt_service.cancel_all()


@pytest.fixture
def on_postgresql(narrow_model: Path, tmp_path: Path, postgresql: PostgreSQL) -> Iterator[RunningService]:
    """A service over PostgreSQL that the test starts; leases run out after 3 s."""
    url = postgresql.fresh_database()
    yield RunningService(narrow_model, tmp_path, lease_s=3, database_url=url)
    postgresql.drop(url)
