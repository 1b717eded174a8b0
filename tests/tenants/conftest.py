"""A service with keys in its database, two web processes, and two tenants beside the default one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService
from tenants.people import Person, command, made_by_command


@pytest.fixture(scope="session")
def house(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with RunningService(narrow_model, tmp_path_factory.mktemp("house"), web_workers=2) as running:
        yield running


@pytest.fixture(scope="session")
def root(house: RunningService) -> Person:
    """An admin of the default tenant."""
    return made_by_command(house, "--name", "root")


@pytest.fixture(scope="session")
def acme(house: RunningService, root: Person) -> Person:
    assert command(house, "tenants", "add", "acme").returncode == 0
    return made_by_command(house, "--tenant", "acme")


@pytest.fixture(scope="session")
def birch(root: Person) -> Person:
    assert root.post("/v1/tenants", {"name": "birch"}).status_code == 201
    return root.with_key(["read", "run", "presets", "admin"], tenant="birch")
