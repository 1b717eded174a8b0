"""An empty SQLite database, and blobs beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.storage.blobs import Blobs


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs((tmp_path / "blobs").as_uri())
