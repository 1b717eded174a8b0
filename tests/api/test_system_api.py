"""Health, the API's own description, and keys."""

from __future__ import annotations

import hashlib
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import RunningService, b64, png

from service.api.context import KEY
from service.config import Settings
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.lanes import PAINT
from service.styles.starters.loading import MARK
from service.web.app import create_app

PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, model=tmp_path / "model.onnx", api_keys=("first", "second"), starters=False)


def test_the_service_lives_and_is_ready(service: RunningService) -> None:
    assert service.get("/livez").json() == {"status": "alive"}
    assert service.get("/readyz").json() == {"status": "ready"}


def test_it_is_not_ready_without_its_model_or_its_blobs(
    settings: Settings, database: Database, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    settings.model.touch()
    WorkerRegistry(database).heartbeat("here:9", Capacity(None, "float32"), lane=PAINT)
    assert (
        client.get("/readyz").get_json()["detail"] == "no worker is alive"
    )  # a painter worker is none for transfers
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
    assert client.get("/readyz").status_code == 200
    settings.model.unlink()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    assert "python -m export" in response.get_json()["detail"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_file", closed)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["detail"] == "the model can't be read: Permission denied"
    blobs = settings.data / "blobs"
    shutil.rmtree(blobs)
    blobs.write_text("no folder any more")
    detail = client.get("/readyz").get_json()["detail"]
    assert "another file or folder lies in its place" in detail
    assert "python -m export" in detail
    assert str(settings.data) not in detail


def test_it_is_not_ready_before_the_presets_that_come_with_it_are_saved(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.model.touch()
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
    monkeypatch.setattr("service.web.app.load_in_background", lambda context: None)
    app = create_app(replace(settings, starters=True))
    client, presets = app.test_client(), app.extensions[KEY].presets
    answer = client.get("/readyz")
    assert (answer.status_code, "not saved yet" in answer.get_json()["detail"]) == (503, True)
    presets.put_once(MARK, [])
    assert client.get("/readyz").status_code == 200


def test_workers_with_different_models_are_told(settings: Settings, database: Database, client: FlaskClient) -> None:
    settings.model.write_bytes(b"a model")
    of_file = hashlib.sha256(b"a model").hexdigest()
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"), of_file)
    assert client.get("/readyz").json == {"status": "ready"}
    WorkerRegistry(database).heartbeat("here:2", Capacity(None, "float32"), "b" * 64)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    (note,) = answer.get_json()["notes"]
    assert (
        note == f"the workers compute with different models, {', '.join(sorted([of_file, 'b' * 64]))}: restart them"
    )
    key = {"X-API-Key": "first"}
    client.put("/v1/styles/mixed", json={"images": [{"image": PICTURE}]}, headers=key)
    refused = client.get("/v1/styles/mixed/pack", headers=key)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.get_json()["type"] == "urn:nst:problem:model-unavailable"


def test_the_description_knows_every_call(service: RunningService) -> None:
    spec = service.get("/openapi.json").json()
    calls = {(method, path) for path, item in spec["paths"].items() for method in item}
    assert {
        ("put", "/v1/styles/{name}"), ("get", "/v1/styles"), ("get", "/v1/styles/{name}"),
        ("get", "/v1/styles/{name}/image"), ("delete", "/v1/styles/{name}"),
        ("put", "/v1/styles/{name}/pack"), ("get", "/v1/styles/{name}/pack"),
        ("post", "/v1/transfers"), ("get", "/v1/transfers"), ("get", "/v1/transfers/{id}"),
        ("get", "/v1/transfers/{id}/image"), ("get", "/v1/transfers/{id}/sheet"),
        ("get", "/v1/transfers/{id}/events"), ("get", "/v1/transfers/{id}/preview"),
        ("post", "/v1/transfers/{id}/cancel"), ("delete", "/v1/transfers/{id}"),
        ("post", "/v1/scores"), ("get", "/v1/scores/{id}"), ("get", "/livez"), ("get", "/readyz"),
    } <= calls  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "third"}, {"Authorization": "Bearer "}, {"Authorization": "Basic Zmlyc3Q6"}],
)
def test_with_keys_set_who_knows_none_is_not_served(client: FlaskClient, headers: dict[str, str]) -> None:
    for response in (client.get("/v1/styles", headers=headers), client.post("/v1/transfers", headers=headers)):
        assert response.status_code == 401
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/livez", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{"X-API-Key": "second"}, {"Authorization": "Bearer first"}])
def test_with_keys_set_who_knows_one_is_served(client: FlaskClient, headers: dict[str, str]) -> None:
    assert client.get("/v1/styles", headers=headers).status_code == 200
    body = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 32, "iterations": 0}
    assert client.post("/v1/transfers", json=body, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "path", ["//metrics", "///metrics", "//v1/transfers", "/v1//transfers", "/v1/transfers//image"]
)
def test_a_path_has_one_spelling(service: RunningService, path: str) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"application/problem+json" in answer
