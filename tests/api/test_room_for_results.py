"""What results to come may take counts as used on the disk, that of the request itself too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from front_door import b64
from pytest import MonkeyPatch
from werkzeug.test import TestResponse

from service.config import Settings
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.disks import MIB, Disk

LARGE = 2560  # px, whose PNG may take 13 MB


class Room:
    """Bytes that are free on the disk, which has no floor."""

    free = 16 * MIB


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    model = data_folder / "model.onnx"
    model.touch()
    return Settings(data=data_folder, model=model, disk_floor_mb=0.0, starters=False)


@pytest.fixture
def room(monkeypatch: MonkeyPatch, client: FlaskClient) -> Room:
    room = Room()
    monkeypatch.setattr(Disk, "free", lambda disk: room.free)
    return room


@pytest.fixture
def body(photo_png: bytes) -> dict[str, Any]:
    return {"content": b64(photo_png), "styles": [{"image": b64(photo_png)}], "size": LARGE}


def refused(answer: TestResponse) -> None:
    assert answer.status_code == 507
    assert "results to come may take" in answer.get_json()["detail"]


def stored(settings: Settings) -> set[str]:
    """The folders of jobs that have files."""
    return {path.parent.name for path in (settings.data / "blobs" / "jobs").rglob("*") if path.is_file()}


@pytest.mark.usefixtures("room")
def test_a_transfer_is_refused_for_what_it_would_take_itself(
    client: FlaskClient, settings: Settings, body: dict[str, Any]
) -> None:
    first = client.post("/v1/transfers", json=body)
    assert first.status_code == 202
    estimate = client.post("/v1/estimates", json=body).get_json()
    assert (estimate["allowed"], estimate["refusal"]["status"]) == (False, 507)
    refused(client.post("/v1/transfers", json=body))
    assert stored(settings) == {first.get_json()["id"]}
    assert client.post("/v1/transfers", json=body | {"size": 64}).status_code == 202


@pytest.mark.usefixtures("room")
def test_a_batch_is_refused_for_what_all_of_its_items_would_take(
    client: FlaskClient, settings: Settings, body: dict[str, Any]
) -> None:
    content = body.pop("content")
    refused(client.post("/v1/batches", json=body | {"contents": [content, content]}))
    assert not stored(settings)
    assert not client.get("/v1/batches").get_json()["items"]
    assert client.post("/v1/batches", json=body | {"contents": [content]}).status_code == 202


@pytest.mark.usefixtures("room")
def test_a_learning_is_refused_and_its_preset_is_not_saved(client: FlaskClient, body: dict[str, Any]) -> None:
    preset, learning = {"images": [{"image": body["content"]}]}, {"size": 64, "minutes": 1}
    assert client.post("/v1/transfers", json=body).status_code == 202
    refused(client.put("/v1/styles/harbour", json=preset | {"painter": learning}))
    assert client.get("/v1/styles/harbour").status_code == 404
    assert client.put("/v1/styles/harbour", json=preset).status_code == 201
    refused(client.put("/v1/styles/harbour/painter", json=learning))


def test_it_is_not_ready_where_a_transfer_would_be_refused(
    client: FlaskClient, database: Database, room: Room, body: dict[str, Any]
) -> None:
    WorkerRegistry(database).heartbeat("here:1", Capacity(None, "float32"))
    assert client.post("/v1/transfers", json=body).status_code == 202
    assert client.get("/readyz").status_code == 200
    room.free = 12 * MIB
    ready = client.get("/readyz")
    assert (ready.status_code, "results to come may take" in ready.text) == (503, True)
