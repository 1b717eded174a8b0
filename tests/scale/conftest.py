"""A web server and two worker hosts over one database, one blob store and one broker."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from broker.parts import Part
from front_door import eventually
from servers.redis import Redis

GIVEN = {"database_url": "NST_DATABASE_URL", "blobs": "NST_BLOBS", "broker_url": "NST_BROKER_URL"}
MADE: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "database_url": lambda request: request.getfixturevalue("postgresql").fresh_database(),
    "blobs": lambda request: f"{request.getfixturevalue('s3_url')}/nst",
    "broker_url": lambda request: _started(request.getfixturevalue("redis")).url,
}


@dataclass(frozen=True)
class Hosts:
    """The parts of an installation and their hosts. `stores` says where database and blobs are."""

    web: Part
    workers: tuple[Part, Part]
    stores: dict[str, str]


@pytest.fixture
def hosts(narrow_model: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """A running installation over the servers that NST_… name, else over its own. Leases run out after 3 s."""
    stores = {name: os.environ.get(variable) or MADE[name](request) for name, variable in GIVEN.items()}

    def part(command: str, name: str, processes: int) -> Part:
        return Part(command, narrow_model, tmp_path / name, lease_s=3, workers=processes, **stores)

    with part("web", "web", 1) as web, part("worker", "left", 1) as left, part("worker", "right", 2) as right:
        eventually(web.is_ready, 60, f"not ready; the log of a worker host:\n{left.log.read_text()}")
        for host, processes in ((left, 1), (right, 2)):
            eventually(
                lambda h=host, n=processes: h.log.read_text().count("is ready: ") == n, 60, "not all are ready"
            )
        yield Hosts(web, (left, right), stores)


def _started(server: Redis) -> Redis:
    server.start()
    return server
