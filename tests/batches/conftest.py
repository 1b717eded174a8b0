"""A service for the tests of batches, with a host of pictures and keys of two tenants' callers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from batches.painting import Batching
from outbound.picture_server import PictureServer
from webhooks.receiver import SECRET


@pytest.fixture(scope="session")
def host() -> Iterator[PictureServer]:
    with PictureServer() as server:
        yield server


@pytest.fixture(scope="session")
def batching(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, host: PictureServer) -> Iterator[Batching]:
    """A service that the tests of this folder share: leave no running job behind."""
    settings = {
        "image_hosts": f"127.0.0.1:{host.port}",
        "webhook_hosts": "127.0.0.1",
        "delivery_hosts": "127.0.0.1",
        "webhook_secret": SECRET,
        "caller_limit": 3,
        "lease_s": 5,
    }
    with Batching(narrow_model, tmp_path_factory.mktemp("batching"), **settings) as running:
        yield running
