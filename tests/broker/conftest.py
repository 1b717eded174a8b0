"""A broker for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
