"""A backup, and a place to restore it to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from backup.filled_store import WEEK_S, Store

from service.backup.data_paths import DataPaths
from service.backup.take import take_backup
from service.config import Settings


@pytest.fixture
def store(tmp_path: Path, made_database: Path) -> Iterator[Store]:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(made_database, data)
    store = Store(data)
    yield store
    store.database.close()


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    file = tmp_path / "backup.tar"
    take_backup(store.places, WEEK_S, file)
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> DataPaths:
    return DataPaths.of(Settings(data=tmp_path / "elsewhere"))
