"""A service that strangers reach, with keys in its database, and two tenants beside the default one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from front_door import RunningService, png
from tenants.people import EVERYWHERE, Person, command, person_by_command


@pytest.fixture(scope="session")
def root(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """An admin of the default tenant: without a key the service would not start where strangers reach it."""
    settings = {"host": EVERYWHERE, "web_workers": 2, "workers": 2, "limit_presets": 100, "limit_running_jobs": 1}
    settings |= {"caller_limit": 4, "caller_disk_mb": 32}
    house = RunningService(narrow_model, tmp_path_factory.mktemp("house"), **settings)
    person = person_by_command(house, "--name", "root")
    with house:
        yield person


@pytest.fixture(scope="session")
def house(root: Person) -> RunningService:
    """The service of this folder's tests: two web processes, and two workers of which a tenant may keep one busy."""
    return root.service


@pytest.fixture(scope="session")
def acme(house: RunningService, root: Person) -> Person:
    assert command(house, "tenants", "add", "acme").returncode == 0
    return person_by_command(house, "--tenant", "acme")


@pytest.fixture(scope="session")
def birch(root: Person) -> Person:
    assert root.post("/v1/tenants", {"name": "birch"}).status_code == 201
    return root.with_key(["read", "run", "presets", "admin"], tenant="birch")


@pytest.fixture(scope="session")
def small(photo: Any) -> bytes:
    """A picture of some kilobytes."""
    return png(photo[:64, :64])
