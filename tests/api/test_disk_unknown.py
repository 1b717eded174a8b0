"""A disk that doesn't say what room it has is named, and takes nothing else down."""

from __future__ import annotations

import os
from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import b64
from pytest import MonkeyPatch


@pytest.fixture(autouse=True)
def unknown(client: FlaskClient, monkeypatch: MonkeyPatch) -> None:
    def fails(path: Any) -> os.statvfs_result:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "statvfs", fails)


def test_metrics_go_without_it(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert "nst_disk_free_bytes" not in response.text
    assert "nst_database_up 1.0" in response.text


def test_a_post_is_refused_with_the_reason(client: FlaskClient, photo_png: bytes) -> None:
    body = {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": 64}
    response = client.post("/v1/transfers", json=body)
    assert response.status_code == 500
    assert "doesn't say what room it has" in response.get_json()["detail"]


def test_readiness_says_so(client: FlaskClient) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "doesn't say what room it has" in response.text
