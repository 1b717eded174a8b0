"""The service with a broker, each a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService
from redis import Redis as Client
from servers.redis import Redis


@pytest.fixture
def broker(redis: Redis) -> Iterator[Redis]:
    """An empty Redis, which a test may stop."""
    redis.start()
    with Client.from_url(redis.url) as client:
        client.flushall()
    yield redis
    redis.start()


@pytest.fixture
def own_service(narrow_model: Path, tmp_path: Path, broker: Redis) -> RunningService:
    """`serve` with a pool of two processes, not yet started; leases last longer than a test."""
    return RunningService(narrow_model, tmp_path, lease_s=120, workers=2, broker_url=broker.url)
