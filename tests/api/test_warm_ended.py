"""The task that warms a preset goes with it: refused, replaced or deleted, nothing of it is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api.controls import NEGATIVE
from flask import Flask
from flask.testing import FlaskClient
from front_door import b64, png

from service.api.context import KEY, AppContext
from service.config import Settings
from service.errors import DatabaseError
from service.jobs.stats import queue_stats
from service.machine.memory import BASE, Capacity
from service.styles import presets

PRESET: dict[str, Any] = {"images": [{"image": b64(png(NEGATIVE))}], "warm": [64]}


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, starters=False, caller_limit=1)


@pytest.fixture
def context(app: Flask) -> AppContext:
    context: AppContext = app.extensions[KEY]
    return context


def warm_status(context: AppContext, name: str) -> str:
    warm = context.presets.get(name).warm
    assert warm is not None
    return context.queue.get(warm.job).status


@pytest.mark.parametrize("how", ["delete", "replace"])
def test_a_task_ends_with_its_preset(client: FlaskClient, context: AppContext, how: str) -> None:
    assert client.put("/v1/styles/harbour", json=PRESET).status_code == 201
    assert warm_status(context, "harbour") == "queued"
    warm = context.presets.get("harbour").warm
    assert warm is not None
    if how == "delete":
        assert client.delete("/v1/styles/harbour").status_code == 204
    else:
        assert client.put("/v1/styles/harbour", json=PRESET | {"warm": []}).status_code == 200
    assert context.queue.get(warm.job).status == "canceled"


def test_a_preset_whose_task_is_not_taken_stays_as_it_was(client: FlaskClient, context: AppContext) -> None:
    before = client.put("/v1/styles/harbour", json=PRESET | {"warm": [], "description": "before"}).json
    assert client.put("/v1/styles/other", json=PRESET).status_code == 201  # all that the caller may have waiting
    for name in ("harbour", "new"):
        refused = client.put(f"/v1/styles/{name}", json=PRESET)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
    assert client.get("/v1/styles/harbour").json == before
    assert client.get("/v1/styles/new").status_code == 404
    assert queue_stats(context.database).open["warm", "engine", "queued"] == 1


def test_a_preset_that_is_not_saved_has_no_task(client: FlaskClient, context: AppContext, monkeypatch: Any) -> None:
    def fails(session: object, row: object, reason: object) -> None:
        raise DatabaseError("the server went away")

    assert client.put("/v1/styles/harbour", json=PRESET | {"warm": []}).status_code == 201
    monkeypatch.setattr(presets, "keep_state", fails)
    assert client.put("/v1/styles/harbour", json=PRESET).status_code == 503
    assert queue_stats(context.database).open["warm", "engine", "queued"] == 0
    monkeypatch.undo()
    assert client.put("/v1/styles/harbour", json=PRESET).status_code == 200
    assert warm_status(context, "harbour") == "queued"


def test_sizes_that_no_worker_has_the_memory_for_are_refused(
    client: FlaskClient, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context.registry, "capacities", lambda: {Capacity(BASE, "float32")})
    refused = client.put("/v1/styles/harbour", json=PRESET)
    assert refused.status_code == 422
    assert refused.json is not None
    assert [error["loc"] for error in refused.json["errors"]] == ["images.0.scale"]
    assert client.get("/v1/styles/harbour").status_code == 404
