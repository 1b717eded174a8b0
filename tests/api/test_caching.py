"""What may be kept, and who asks again gets 304; pages of other origins; the page of the description."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from front_door import b64
from jobs.submitting import submit
from werkzeug.test import TestResponse

from service.api.context import KEY as CONTEXT
from service.api.context import AppContext
from service.api.http.caching import FOREVER, REVALIDATE
from service.api.schemas.fields import SMALLEST_IMAGE
from service.config import Settings
from service.web.app import create_app

OURS = "https://app.example.com"
OTHERS = [
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.com",
    "https://appxexample.com",
    "null",
]


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, api_keys=("key",), cors_origins=(OURS,), starters=False)


KEY = {"X-API-Key": "key"}
PREFLIGHT = {
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "authorization, content-type, x-api-key, prefer, idempotency-key, traceparent",
}


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/styles", "/v1/transfers"])
def test_json_is_kept_and_asked_about(client: FlaskClient, path: str) -> None:
    first = client.get(path, headers=KEY)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get(path, headers=KEY | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers=KEY | {"If-None-Match": '"other"'}).status_code == 200


def test_pictures_of_presets_are_asked_about_and_those_of_jobs_kept(client: FlaskClient, texture_png: bytes) -> None:
    image = {"image": b64(texture_png)}
    client.put("/v1/styles/waves", json={"images": [image]}, headers=KEY)
    job = client.post("/v1/transfers", json={"content": image["image"], "styles": [image]}, headers=KEY).get_json()
    here = job["links"]["self"]
    rules = {
        "/v1/styles/waves": REVALIDATE,
        "/v1/styles/waves/image": REVALIDATE,
        "/v1/styles/waves/images/0": REVALIDATE,
        here: REVALIDATE,
        f"{here}/content": FOREVER,
        f"{here}/styles/0": FOREVER,
    }
    for path, rule in rules.items():
        first = client.get(path, headers=KEY)
        assert (path, first.status_code, first.headers["Cache-Control"]) == (path, 200, rule)
        again = client.get(path, headers=KEY | {"If-None-Match": first.headers["ETag"]})
        assert (path, again.status_code, again.data, again.headers["Cache-Control"]) == (path, 304, b"", rule)
        assert again.headers["ETag"] == first.headers["ETag"]
        head = client.head(path, headers=KEY)
        assert (head.headers["ETag"], head.data) == (first.headers["ETag"], b"")


def test_what_has_changed_is_sent_again(client: FlaskClient, photo_png: bytes, texture_png: bytes) -> None:
    image = {"image": b64(texture_png)}
    job = client.post("/v1/transfers", json={"content": image["image"], "styles": [image]}, headers=KEY).get_json()
    changes: dict[str, Callable[[], TestResponse]] = {
        job["links"]["self"]: lambda: client.post(f"{job['links']['self']}/cancel", headers=KEY),
        "/v1/transfers": lambda: client.delete(job["links"]["self"], headers=KEY),
        "/v1/styles/waves/image": lambda: save(client, photo_png),
        "/v1/styles/waves": lambda: save(client, texture_png),
        "/v1/styles": lambda: client.delete("/v1/styles/waves", headers=KEY),
    }
    save(client, texture_png)
    for path, change in changes.items():
        known = KEY | {"If-None-Match": client.get(path, headers=KEY).headers["ETag"]}
        assert (path, client.get(path, headers=known).status_code) == (path, 304)
        assert change().status_code < 300
        assert (path, client.get(path, headers=known).status_code) == (path, 200)


def save(client: FlaskClient, picture: bytes) -> TestResponse:
    return client.put("/v1/styles/waves", json={"images": [{"image": b64(picture)}]}, headers=KEY)


@pytest.mark.parametrize("path", ["/livez", "/v1/transfers/none", "/nothing"])
def test_errors_and_health_are_not_kept(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers=KEY)
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.mark.parametrize("path", ["/v1/styles/waves", "/v1/transfers", "/v1/transfers/unknown/events"])
def test_a_preflight_needs_no_key(client: FlaskClient, path: str) -> None:
    response = client.options(path, headers=PREFLIGHT | {"Origin": OURS})
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in PREFLIGHT["Access-Control-Request-Headers"].split(", "))


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_are_told_nothing(client: FlaskClient, origin: str) -> None:
    for response in (
        client.options("/v1/styles/waves", headers=PREFLIGHT | {"Origin": origin}),
        client.get("/v1/styles", headers=KEY | {"Origin": origin}),
        client.get("/v1/styles", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/styles", KEY, 200),
        ("/v1/styles", {}, 401),
        ("/v1/styles?limit=0", KEY, 422),
        ("/v1/transfers/unknown", KEY, 404),
        ("/nothing", {}, 404),
        ("/v1/transfers/ID/events", KEY, 200),
    ],
)
def test_our_origin_can_read_answers_errors_and_events(
    client: FlaskClient, app: Flask, path: str, headers: dict[str, str], status: int
) -> None:
    context: AppContext = app.extensions[CONTEXT]
    path = path.replace("ID", submit(context.queue))
    with client.get(path, headers=headers | {"Origin": OURS}) as response:
        assert response.status_code == status
        assert response.headers["Access-Control-Allow-Origin"] == OURS
        exposed = set(response.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"Location", "ETag", "Retry-After", "Preference-Applied", "X-Request-ID"} <= exposed
        assert "Origin" in response.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(("origins", "allowed"), [((), None), (("*",), "*")])
def test_no_origin_or_any(data_folder: Path, origins: tuple[str, ...], allowed: str | None) -> None:
    app = create_app(Settings(data=data_folder, cors_origins=origins, starters=False))
    response = app.test_client().get("/v1/styles", headers={"Origin": "https://anybody.example.com"})
    assert response.headers.get("Access-Control-Allow-Origin") == allowed
    assert "Origin" not in response.headers.get("Vary", "")
    app.extensions[CONTEXT].watch.close()
    app.extensions[CONTEXT].database.close()


def test_the_page_of_the_description_brings_its_own_files(client: FlaskClient) -> None:
    response = client.get("/docs")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert [name for name in files if "://" in name] == []
    for name in (name for name in files if not name.startswith("data:")):
        with client.get(f"/{name}") as served:
            assert served.status_code == 200
    assert client.get("/docs/js/swagger-ui-standalone-preset.js").status_code == 404


def test_conditions_that_agree_bring_the_whole_file(client: FlaskClient) -> None:
    client.put("/v1/styles/both", json={"images": [{"image": SMALLEST_IMAGE}]}, headers=KEY)
    whole = client.get("/v1/styles/both/image", headers=KEY)
    tag = whole.headers["ETag"]
    again = client.get("/v1/styles/both/image", headers=KEY | {"If-None-Match": tag, "If-Match": tag})
    assert (again.status_code, again.data) in ((200, whole.data), (304, b""))
