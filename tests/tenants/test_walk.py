"""Every route with the key of another tenant, with each scope missing, and without a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from front_door import b64
from tenants.people import SAMPLE, Person

from service.api.context import KEY
from service.api.http.paths import is_api
from service.config import Settings
from service.tenants.keys import LATE_S
from service.web.app import create_app

pytestmark = pytest.mark.slow

SCOPES = ["read", "run", "presets", "admin"]


@dataclass(frozen=True)
class Row:
    """How to call a route, and what to expect.

    Attributes:
        path: with the names of what the owner has in braces.
        scope: that it takes; one of them with "or".
        own: status for the owner; 0 where the test doesn't ask, because the thing would be gone.
        other: status for another tenant.
        body: the request's JSON.
    """

    path: str
    scope: str
    own: int = 200
    other: int = 404
    body: Any = None


STYLE = "/v1/styles/harbour"
JOB = "/v1/transfers/{job}"
ROWS = {
    "GET /v1/styles": Row("/v1/styles", "read", other=200),
    "GET /v1/styles/<name>": Row(STYLE, "read"),
    "PUT /v1/styles/<name>": Row("/v1/styles/new", "presets", 422, 422, {"images": []}),
    "PATCH /v1/styles/<name>": Row(STYLE, "presets", body={"description": "A harbour"}),
    "DELETE /v1/styles/<name>": Row(STYLE, "presets", 0),
    "GET /v1/styles/<name>/versions": Row(f"{STYLE}/versions", "read"),
    "POST /v1/styles/<name>/restore": Row(f"{STYLE}/restore", "presets", 0, body={"version": "{version}"}),
    "GET /v1/styles/<name>/image": Row(f"{STYLE}/image", "read"),
    "GET /v1/styles/<name>/painted": Row(f"{STYLE}/painted", "read"),
    "GET /v1/styles/<name>/images/<index>": Row(f"{STYLE}/images/0", "read"),
    "GET /v1/styles/<name>/pack": Row(f"{STYLE}/pack", "read"),
    "PUT /v1/styles/<name>/pack": Row("/v1/styles/packed/pack", "presets", 415, 415),
    "GET /v1/styles/<name>/painter": Row(f"{STYLE}/painter", "read"),
    "PUT /v1/styles/<name>/painter": Row(f"{STYLE}/painter", "presets", 0, body={"size": 64, "minutes": 0.01}),
    "DELETE /v1/styles/<name>/painter": Row(f"{STYLE}/painter", "presets", 0),
    "GET /v1/styles/<name>/painter/events": Row("/v1/styles/learning/painter/events", "read"),
    "GET /v1/styles/<name>/painter/model": Row("/v1/styles/learning/painter/model", "read"),
    "GET /v1/styles/<name>/painter/preview": Row("/v1/styles/learning/painter/preview", "read"),
    "GET /v1/transfers": Row("/v1/transfers", "read", other=200),
    "POST /v1/transfers": Row(
        "/v1/transfers", "run", 0, 422, {"content": "{photo}", "styles": [{"preset": "harbour"}]}
    ),
    "GET /v1/transfers/<id>": Row(JOB, "read"),
    "DELETE /v1/transfers/<id>": Row(JOB, "run", 0),
    "POST /v1/transfers/<id>/cancel": Row(f"{JOB}/cancel", "run", 202),
    "POST /v1/transfers/<id>/callback": Row(f"{JOB}/callback", "run", 422),
    "GET /v1/transfers/<id>/image": Row(f"{JOB}/image", "read"),
    "GET /v1/transfers/<id>/sheet": Row(f"{JOB}/sheet", "read"),
    "GET /v1/transfers/<id>/content": Row(f"{JOB}/content", "read"),
    "GET /v1/transfers/<id>/styles/<index>": Row(f"{JOB}/styles/0", "read"),
    "GET /v1/transfers/<id>/files": Row(f"{JOB}/files", "read"),
    "GET /v1/transfers/<id>/files/<sha256>": Row(f"{JOB}/files/{{sha256}}", "read"),
    "GET /v1/transfers/<id>/preview": Row(f"{JOB}/preview", "read"),
    "GET /v1/transfers/<id>/events": Row(f"{JOB}/events", "read"),
    "GET /v1/batches": Row("/v1/batches", "read", other=200),
    "POST /v1/batches": Row(
        "/v1/batches", "run", 0, 422, {"contents": ["{photo}"], "styles": [{"preset": "harbour"}]}
    ),
    "GET /v1/batches/<id>": Row("/v1/batches/{batch}", "read"),
    "DELETE /v1/batches/<id>": Row("/v1/batches/{batch}", "run", 0),
    "POST /v1/batches/<id>/cancel": Row("/v1/batches/{batch}/cancel", "run", 202),
    "GET /v1/batches/<id>/items": Row("/v1/batches/{batch}/items", "read"),
    "GET /v1/batches/<id>/zip": Row("/v1/batches/{batch}/zip", "read"),
    "GET /v1/batches/<id>/events": Row("/v1/batches/{batch}/events", "read"),
    "POST /v1/scores": Row(
        "/v1/scores", "run", 0, 422, {"content": "{photo}", "image": "{photo}", "styles": [{"preset": "harbour"}]}
    ),
    "GET /v1/scores/<id>": Row("/v1/scores/{score}", "read"),
    "DELETE /v1/scores/<id>": Row("/v1/scores/{score}", "run", 0),
    "POST /v1/estimates": Row(
        "/v1/estimates", "run", 200, 422, {"content": "{photo}", "styles": [{"preset": "harbour"}]}
    ),
    "GET /v1/usage": Row("/v1/usage", "read or admin", other=200),
    "GET /v1/keys": Row("/v1/keys", "admin", other=200),
    "POST /v1/keys": Row("/v1/keys", "admin", 201, 422, {"tenant": "acme", "name": "walk", "scopes": ["admin"]}),
    "GET /v1/keys/<id>": Row("/v1/keys/{key}", "admin"),
    "DELETE /v1/keys/<id>": Row("/v1/keys/{key}", "admin", 0),
    "POST /v1/keys/<id>/rotate": Row("/v1/keys/{key}/rotate", "admin", 0, body={}),
    "GET /v1/tenants": Row("/v1/tenants", "admin", other=200),
    "POST /v1/tenants": Row("/v1/tenants", "admin", 403, 403, {"name": "cedar"}),
    "GET /v1/tenants/<name>": Row("/v1/tenants/acme", "admin"),
    "PATCH /v1/tenants/<name>": Row("/v1/tenants/acme", "admin", 403, body={"limits": {}}),
    "DELETE /v1/tenants/<name>": Row("/v1/tenants/acme", "admin", 403),
}


@pytest.fixture(scope="module")
def things(acme: Person, photo_png: bytes, texture_png: bytes) -> dict[str, str]:
    """What acme has, and a photograph."""
    assert acme.save("harbour", texture_png).status_code == 201
    assert acme.save("harbour", texture_png).status_code == 200
    (former,) = acme.get("/v1/styles/harbour/versions").json()["items"]
    assert acme.save("learning", texture_png, painter={"size": 64, "minutes": 0.01}).status_code == 201
    acme.paint(photo_png, "harbour", **SAMPLE)
    job = acme.paint(photo_png, "harbour", variants=[{"seed": 1}, {"seed": 2}])
    body = {"content": b64(photo_png), "image": b64(photo_png), "styles": [{"preset": "harbour"}], "size": 64}
    score = acme.post("/v1/scores", body)
    assert score.status_code == 200, score.text
    recipe = {"styles": [{"preset": "harbour"}], "size": 64, "iterations": 2}
    batch = acme.post("/v1/batches", recipe | {"contents": [b64(photo_png)]}).json()["id"]
    assert "event: done" in acme.get(f"/v1/batches/{batch}/events").text
    watch = acme.get("/v1/styles/learning/painter/events")  # lasts until it has learned
    assert "event: done" in watch.text
    key = acme.get("/v1/keys").json()["items"][0]["id"]
    sha256 = job["options"]["content"]["sha256"]
    names = {"job": job["id"], "score": score.json()["id"], "batch": batch, "key": key, "version": former["version"]}
    return names | {"sha256": sha256, "photo": b64(photo_png)}


def filled(part: Any, things: dict[str, str]) -> Any:
    """Return a path or body with the things in place of their names."""
    if isinstance(part, dict):
        return {name: filled(value, things) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(value, things) for value in part]
    return part.format(**things) if isinstance(part, str) and "{" in part else part


@pytest.fixture(scope="module")
def ask(things: dict[str, str]) -> Callable[[Person, str], Any]:
    def asked(person: Person, route: str) -> Any:
        row = ROWS[route]
        return person.ask(route.split(maxsplit=1)[0], filled(row.path, things), filled(row.body, things))

    return asked


@pytest.fixture(scope="module")
def partly(acme: Person) -> Iterator[dict[str, Person]]:
    """Scope -> somebody of acme whose key has all others."""
    groups = {left: left.split(" or ") for left in (*SCOPES, "read or admin")}
    yield {left: acme.with_key([scope for scope in SCOPES if scope not in group]) for left, group in groups.items()}


@pytest.fixture(scope="module", autouse=True)
def known_everywhere(acme: Person, birch: Person, partly: dict[str, Person]) -> None:
    """Wait until each web process has read the keys anew: on a busy machine all the requests before may reach one."""
    time.sleep(LATE_S)


def test_every_route_has_its_row(data_folder: Path) -> None:
    app = create_app(Settings(data=data_folder, starters=False))
    app.extensions[KEY].database.close()
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if is_api(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == ROWS.keys()


@pytest.mark.parametrize("route", ROWS)
def test_without_a_key_nothing_is_told(acme: Person, ask: Any, route: str) -> None:
    for key in ("", "nst_" + "A" * 43, acme.key[:-1], acme.key.upper(), "x" * 8000):
        assert ask(Person(acme.service, key), route).status_code == 401


@pytest.mark.parametrize("route", ROWS)
def test_without_its_scope_a_key_opens_no_route(ask: Any, partly: dict[str, Person], route: str) -> None:
    row = ROWS[route]
    response = ask(partly[row.scope], route)
    assert response.status_code == 403
    assert response.json()["type"] == "urn:nst:problem:missing-scope"
    assert response.json()["detail"].endswith(f"takes a key with the scope {row.scope}")
    if row.own and row.own != 403:
        other = next(scope for scope in SCOPES if scope != row.scope)
        assert ask(partly[other], route).status_code == row.own  # a scope that the route doesn't take may be missing


@pytest.mark.parametrize("route", ROWS)
def test_another_tenant_s_things_do_not_exist(
    acme: Person, birch: Person, ask: Any, things: dict[str, str], route: str
) -> None:
    row = ROWS[route]
    response = ask(birch, route)
    assert response.status_code == row.other, response.text
    told = response.text.replace(things["photo"], "")
    hidden = (things["job"], things["score"], things["batch"], things["key"])
    if row.other == 200:
        assert not any(word in told for word in (*hidden, "harbour", "acme"))
    if row.own:
        assert ask(acme, route).status_code == row.own


def test_a_transfer_of_another_tenant_is_no_beginning(
    birch: Person, things: dict[str, str], texture_png: bytes
) -> None:
    assert birch.save("mine", texture_png).ok
    for job in (things["job"], "0" * 32):
        body = {"content": things["photo"], "styles": [{"preset": "mine"}], "init": {"job": job}}
        response = birch.post("/v1/transfers", body)
        assert response.status_code == 422
        assert response.json()["errors"] == [{"loc": "init.job", "msg": f"there is no transfer {job!r}"}]


def test_a_cursor_of_another_tenant_shows_none_of_its_rows(
    acme: Person, birch: Person, things: dict[str, str]
) -> None:
    cursor = acme.get("/v1/transfers?limit=1").json()["next"]
    assert things["job"] not in birch.get(f"/v1/transfers?cursor={cursor}").text
    assert "harbour" not in birch.get("/v1/styles?cursor=WyJhIl0").text


def test_each_tenant_has_its_own_idempotency_keys(acme: Person, birch: Person, texture_png: bytes) -> None:
    ids = set()
    for person in (acme, birch):
        person.save("same", texture_png)
        body = {"content": b64(texture_png), "styles": [{"preset": "same"}], "size": 64, "iterations": 1}
        answers = [person.post("/v1/transfers", body, **{"Idempotency-Key": "order-1"}).json() for _ in range(2)]
        assert answers[0]["id"] == answers[1]["id"]
        ids.add(answers[0]["id"])
    assert len(ids) == 2


def test_an_answer_is_kept_for_nobody_else(acme: Person, things: dict[str, str]) -> None:
    for path in ("/v1/styles", f"/v1/transfers/{things['job']}/image", f"/v1/transfers/{things['job']}/events"):
        headers = acme.get(path).headers
        assert headers["Cache-Control"].startswith(("private", "no-store"))
        assert {"Authorization", "X-API-Key"} <= {name.strip() for name in headers["Vary"].split(",")}
