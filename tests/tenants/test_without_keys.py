"""Without keys the service answers on loopback alone, unless NST_OPEN says otherwise."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import ROOT, RunningService
from tenants.people import EVERYWHERE, Person

from service.api.context import KEY
from service.config import Settings
from service.storage.database import Database
from service.tenants.access import check_access
from service.tenants.keys import Keys
from service.tenants.scopes import ALL
from service.web.app import create_app


@pytest.fixture
def clients(data_folder: Path) -> Iterator[Any]:
    """Make clients of services over one database with the settings given."""
    apps = []

    def made(**settings: Any) -> FlaskClient:
        apps.append(create_app(Settings(data=data_folder, starters=False, **settings)))
        return apps[-1].test_client()

    yield made
    for app in apps:
        app.extensions[KEY].database.close()


@pytest.mark.slow
@pytest.mark.parametrize("start", ["serve", "web"])
def test_a_service_that_strangers_reach_does_not_start_without_keys(
    narrow_model: Path, tmp_path: Path, start: str
) -> None:
    service = RunningService(narrow_model, tmp_path, host=EVERYWHERE)
    line = [*service.command[:-1], start]
    done = subprocess.run(line, cwd=ROOT, env=service.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"NST_HOST: other machines reach {EVERYWHERE}, and the service has no keys" in done.stderr
    assert "python -m service keys add, or let anybody in with NST_OPEN=on" in done.stderr


@pytest.mark.slow
def test_with_a_key_it_starts_and_asks_for_it(house: RunningService, root: Person) -> None:
    assert house.env["NST_HOST"] == EVERYWHERE
    assert house.get("/v1/styles").status_code == 401
    assert house.get("/v1/styles", headers={"X-API-Key": root.key, "Host": "any.example"}).status_code == 200
    assert house.get("/", headers={"Host": "any.example"}).status_code == 200


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({"host": "127.0.0.1"}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "127.8.8.8"}, True),
        ({"host": EVERYWHERE}, False),
        ({"host": "::"}, False),
        ({"host": "192.0.2.7"}, False),
        ({"host": "box.lan"}, False),
        ({"host": EVERYWHERE, "open": True}, True),
        ({"host": EVERYWHERE, "api_keys": ("key",)}, True),
    ],
)
def test_who_may_start_without_keys(data_folder: Path, settings: dict[str, Any], may: bool) -> None:
    given = Settings(data=data_folder, **settings)
    if may:
        check_access(given)
        return
    with pytest.raises(Exception, match="keys add"):
        check_access(given)
    with closing(Database(given.database)) as database:
        made = Keys(database).add("default", "first", ALL)
        Keys(database).revoke(made.row.id)
    check_access(given)  # it asks for a key, though none counts


def test_a_web_process_that_strangers_reach_lets_nobody_in_without_keys(clients: Any) -> None:
    """As where gunicorn was started by hand, or the keys were removed while it runs."""
    answer = clients(host=EVERYWHERE).get("/v1/styles", headers={"Host": "192.0.2.7"})
    assert (answer.status_code, "keys add" in answer.json["detail"]) == (401, True)
    assert clients(host=EVERYWHERE, open=True).get("/v1/styles", headers={"Host": "192.0.2.7"}).status_code == 200
    assert clients(host=EVERYWHERE).get("/livez").status_code == 200


def test_nobody_without_a_key_makes_the_first_one(clients: Any) -> None:
    client = clients(host=EVERYWHERE, open=True)
    for path, body in (
        ("/v1/keys", {"name": "first", "scopes": ["read"]}),
        ("/v1/tenants", {"name": "mine"}),
    ):
        assert client.post(path, json=body).status_code == 403
        assert client.get(path).status_code == 403


def test_only_the_command_turns_keys_off_again(clients: Any, data_folder: Path) -> None:
    client = clients()
    assert client.get("/v1/styles").status_code == 200
    with closing(Database(Settings(data=data_folder).database)) as database:
        keys = Keys(database)
        made = keys.add("default", "first", ALL)
        assert clients().get("/v1/styles").status_code == 401
        keys.revoke(made.row.id)
        assert clients().get("/v1/styles").status_code == 401
        assert keys.remove_all() == 1
        assert clients().get("/v1/styles").status_code == 200
