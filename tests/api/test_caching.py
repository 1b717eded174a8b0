"""What may be kept, and who asks again gets 304; pages of other origins; the page of the description."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.config import Settings

OURS, OTHER = "https://app.example.com", "https://evil.example.com"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, api_keys=("key",), cors_origins=(OURS,), starters=False)


KEY = {"X-API-Key": "key"}


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/styles", "/v1/transfers"])
def test_json_is_kept_and_asked_about(client: FlaskClient, path: str) -> None:
    first = client.get(path, headers=KEY)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = client.get(path, headers=KEY | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(path, headers=KEY | {"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/v1/transfers/none", "/nothing"])
def test_errors_and_health_are_not_kept(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers=KEY)
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


def test_a_preflight_needs_no_key(client: FlaskClient) -> None:
    asked = {
        "Origin": OURS,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type, x-api-key, prefer, idempotency-key",
    }
    response = client.options("/v1/styles/waves", headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("content-type", "x-api-key", "prefer", "idempotency-key"))
    other = client.options("/v1/styles/waves", headers=asked | {"Origin": OTHER})
    assert "Access-Control-Allow-Origin" not in other.headers


@pytest.mark.parametrize("headers", [KEY, {}])
def test_answers_and_errors_can_be_read_by_our_origin_alone(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.get("/v1/styles", headers=headers | {"Origin": OURS})
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert {"Location", "ETag", "Retry-After"} <= set(response.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Origin" in response.headers["Vary"]
    other = client.get("/v1/styles", headers=headers | {"Origin": OTHER})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_the_page_of_the_description_brings_its_own_files(client: FlaskClient) -> None:
    response = client.get("/docs")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert [name for name in files if "://" in name] == []
    for name in (name for name in files if name.startswith("/")):
        with client.get(name) as served:
            assert served.status_code == 200
    assert client.get("/docs/js/swagger-ui-standalone-preset.js").status_code == 404
