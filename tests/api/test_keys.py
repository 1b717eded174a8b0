"""Keys: where they are set, every route under /v1 asks for one, those added later included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.context import KEY as CONTEXT
from service.config import Settings
from service.web.app import create_app

KEY = "a-key-of-the-test"
OPEN = {"/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/<path:name>",
        "/studio/<version>/<path:name>"}  # fmt: skip


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, starters=False, api_keys=(KEY, "another"))


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield the method and path of every route; OPTIONS is a browser's preflight, which can't bring a key."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            yield method, rule.rule


def statuses(app: Flask, headers: dict[str, str]) -> dict[tuple[str, str], int]:
    """Return the status that each route under /v1 answers; `0` stands for every parameter of a path."""
    client = app.test_client()
    return {
        (method, path): client.open(re.sub(r"<[^>]+>", "0", path), method=method, headers=headers).status_code
        for method, path in routes(app)
        if path.startswith("/v1")
    }


@pytest.mark.parametrize("headers", [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {KEY}"},
    {"X-API-Key": KEY[:-1]},
    {"X-API-Key": ""},
])  # fmt: skip
def test_every_route_of_the_api_asks_for_a_key(app: Flask, headers: dict[str, str]) -> None:
    found = statuses(app, headers)
    assert len(found) > 30  # GET brings HEAD
    assert {route: status for route, status in found.items() if status != 401} == {}


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": "another"}])
def test_with_a_key_no_route_asks_for_one(app: Flask, headers: dict[str, str]) -> None:
    assert 401 not in statuses(app, headers).values()


def test_a_route_that_is_added_later_asks_as_well(app: Flask, client: FlaskClient) -> None:
    app.add_url_rule("/v1/later/<id>", view_func=lambda id: id, methods=["GET", "PATCH"])
    app.add_url_rule("/v1", endpoint="root", view_func=lambda: "")
    assert [client.get("/v1/later/3").status_code, client.patch("/v1/later/3").status_code] == [401, 401]
    assert client.get("/v1").status_code == 401
    assert client.get("/v1/later/3", headers={"X-API-Key": KEY}).data == b"3"


def test_only_these_paths_ask_for_none(app: Flask, client: FlaskClient) -> None:
    assert {path for _, path in routes(app) if not path.startswith("/v1/")} == OPEN
    answers = {path: client.get(path).status_code for path in OPEN if "<" not in path}
    assert answers.pop("/readyz") == 503  # no worker is alive
    assert set(answers.values()) == {200}


def test_a_path_without_a_route_is_not_found_with_or_without_a_key(client: FlaskClient) -> None:
    assert client.get("/v1/nothing").status_code == 404
    assert client.patch("/v1/transfers").status_code == 405


def test_the_description_says_which_routes_ask(app: Flask, client: FlaskClient) -> None:
    operations = {
        (method, path): operation
        for path, item in client.get("/openapi.json").get_json()["paths"].items()
        for method, operation in item.items()
    }
    for (_, path), operation in operations.items():
        assert ("401" in operation["responses"]) == ("security" in operation) == path.startswith("/v1/"), path


def test_without_keys_none_is_asked_for(settings: Settings, app: Flask) -> None:
    keyless = create_app(replace(settings, api_keys=()))
    with closing(keyless.extensions[CONTEXT].database):
        assert 401 not in statuses(keyless, {}).values()
