"""Presets whose Gram matrices are computed before anybody asks for a transfer."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import NEGATIVE, assert_refused, painted
from front_door import RunningService, eventually, png
from sqlalchemy import select

from service.config import Settings
from service.storage.database import Database
from service.storage.schema import JobRow

DEFAULT = {"size": 128, "iterations": 1}


@pytest.mark.slow
def test_the_first_transfer_of_a_warmed_size_finds_its_grams(service: RunningService) -> None:
    style = np.ascontiguousarray(NEGATIVE[:, ::-1])
    response = service.put_style("warmed", png(style), warm=[128, 64, 128])
    assert response.status_code == 201
    assert response.json()["warm"]["sizes"] == [64, 128]
    assert response.json()["warm"]["status"] in ("queued", "running")
    assert response.json()["warm"]["usage"] is None
    eventually(lambda: service.get("/v1/styles/warmed").json()["warm"]["status"] == "succeeded", 30, "not warm")
    (listed,) = [item for item in service.get("/v1/styles").json()["items"] if item["name"] == "warmed"]
    usage = listed["warm"].pop("usage")
    assert listed["warm"] == {"sizes": [64, 128], "status": "succeeded", "error": None}
    assert usage["megapixel_evaluations"] > 0
    cold = painted(service, {"preset": "warmed"}, **DEFAULT | {"size": 90})
    warm = painted(service, {"preset": "warmed"}, **DEFAULT)
    assert (cold["style_cache"], warm["style_cache"]) == ("miss", "hit")


def test_a_replaced_preset_is_not_warm(service: RunningService) -> None:
    service.put_style("rewarmed", png(NEGATIVE), warm=[64])
    assert service.get("/v1/styles/rewarmed").json()["warm"]
    assert service.put_style("rewarmed", png(NEGATIVE)).json()["warm"] is None


@pytest.mark.parametrize("sizes", [[64, 4097], [31], list(range(64, 73)), [64.5], "128"])
def test_sizes_that_no_transfer_has_are_refused(service: RunningService, sizes: object) -> None:
    response = service.put_style("never-warm", png(NEGATIVE), warm=sizes)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"].split(".")[0] == "warm"
    assert service.get("/v1/styles/never-warm").status_code == 404


def test_a_size_at_which_the_image_is_too_large_or_small_is_refused(service: RunningService) -> None:
    body = {"images": [{"image": "file:a"}, {"image": "file:a", "scale": 4.0}], "warm": [64, 2048]}
    parts: dict[str, Any] = {"request": (None, json.dumps(body), "application/json"), "a": png(NEGATIVE)}
    assert_refused(requests.put(f"{service.url}/v1/styles/never-warm", files=parts, timeout=30), "images.1.scale")
    assert service.get("/v1/styles/never-warm").status_code == 404


def test_the_task_is_no_transfer(service: RunningService) -> None:
    service.put_style("warm-task", png(NEGATIVE), warm=[64])
    with closing(Database(Settings(data=service.data).database)) as database, database.reading() as session:
        tasks = list(session.scalars(select(JobRow.id).where(JobRow.kind == "warm")))
    assert tasks
    assert not set(tasks) & {job["id"] for job in service.get("/v1/transfers?limit=200").json()["items"]}
    for id in tasks:
        assert service.get(f"/v1/transfers/{id}").status_code == 404
        assert service.get(f"/v1/transfers/{id}/events").status_code == 404
        assert service.get(f"/v1/scores/{id}").status_code == 404
        assert service.cancel(id).status_code == 404
