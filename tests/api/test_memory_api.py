"""A transfer too large for the workers' memory is refused at its POST; one that a worker gets all the same fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import RunningService, b64, png
from second_service import MEMORY_MB

from service.config import Settings
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.registry import WorkerRegistry
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine.memory import BASE, LEARNING, MIB, Capacity
from service.options import TransferOptions
from service.pictures.style_image import StyleImage
from service.storage.database import Database
from service.storage.stored_files import StoredImage

PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)))
LARGE: dict[str, Any] = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 2048}


@pytest.fixture
def registry(database: Database) -> WorkerRegistry:
    return WorkerRegistry(database)


@pytest.mark.slow
def test_a_transfer_too_large_is_refused_with_the_size_that_fits(second_service: RunningService) -> None:
    response = second_service.post(LARGE)
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "urn:nst:problem:does-not-fit"
    assert [error["loc"] for error in problem["errors"]] == ["size", "styles.0.scale"]
    message = problem["errors"][0]["msg"]
    assert f"a worker has {MEMORY_MB};" in message
    fitting = int(message.split("a size of ")[1].split()[0])
    response = second_service.post(LARGE | {"size": fitting, "iterations": 0}, Prefer="wait=60")
    assert response.json()["status"] == "succeeded"
    recipe = {name: value for name, value in LARGE.items() if name != "content"}
    none_fits = second_service.post_to("/v1/batches", recipe | {"contents": [PICTURE, PICTURE]})
    assert (none_fits.status_code, none_fits.json()) == (422, problem)
    one_is_bad = second_service.post_to("/v1/batches", recipe | {"contents": [PICTURE, b64(b"bad")]})
    assert one_is_bad.json()["type"] == "urn:nst:problem:invalid-input"


@pytest.mark.slow
def test_a_worker_fails_a_job_too_large_for_itself_and_goes_on(second_service: RunningService) -> None:
    picture = StoredImage("jobs/none/content", "0", 60, 40)
    style = StoredStyle(None, 1.0, 1.0, (StyleImage(StoredImage("jobs/none/style-0", "0", 60, 40), 1.0, 1.0),))
    asked = TransferRequest(picture, Painting((style,), TransferOptions(size=2048)))
    queue = Queue(Database(Settings(data=second_service.data).database), Limits())
    job = second_service.ended(queue.submit(Submission(new_id(), asked)).id)
    assert job["status"] == "failed"
    assert job["error"]["type"] == "urn:nst:problem:does-not-fit"
    assert f"a worker has {MEMORY_MB}; a size of " in job["error"]["detail"]
    good = LARGE | {"size": 64, "iterations": 0}
    assert second_service.post(good, Prefer="wait=60").json()["status"] == "succeeded"


def test_a_refused_transfer_leaves_neither_a_job_nor_files(
    client: FlaskClient, registry: WorkerRegistry, tmp_path: Path
) -> None:
    registry.heartbeat("here:1", Capacity(MEMORY_MB * MIB, "float32"))
    assert client.post("/v1/transfers", json=LARGE).status_code == 422
    assert client.get("/v1/transfers").json == {"items": [], "next": None}
    files = {path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
    assert files <= {"id"}  # of the store itself, written by a thread


def test_where_no_worker_lives_nothing_is_refused(client: FlaskClient) -> None:
    assert client.post("/v1/transfers", json=LARGE).status_code == 202


def test_every_worker_must_have_room(client: FlaskClient, registry: WorkerRegistry) -> None:
    registry.heartbeat("there:1", Capacity(None, "bfloat16"))
    assert client.post("/v1/transfers", json=LARGE).status_code == 202
    registry.heartbeat("here:1", Capacity(MEMORY_MB * MIB, "float32"))
    assert client.post("/v1/transfers", json=LARGE).status_code == 422


@pytest.mark.slow
def test_a_learning_too_large_is_refused_with_the_size_that_fits(
    client: FlaskClient, registry: WorkerRegistry
) -> None:
    registry.heartbeat("here:1", Capacity(BASE + LEARNING["float32"], "float32"))
    images = [{"image": b64(png(np.zeros((64, 64, 3), np.uint8)))}]
    body = {"images": images, "painter": {"size": 2048}}
    problem = client.put("/v1/styles/learning", json=body).get_json()
    assert [error["loc"] for error in problem["errors"]] == ["painter.size"]
    size = int(problem["errors"][0]["msg"].split("a size of ")[1].split()[0])
    body["painter"] = {"size": size}
    assert client.put("/v1/styles/learning", json=body).status_code == 201


@pytest.mark.slow
def test_a_presets_image_too_large_is_named_with_its_entry(client: FlaskClient, registry: WorkerRegistry) -> None:
    registry.heartbeat("here:1", Capacity(MEMORY_MB * MIB, "float32"))
    preset = {"images": [{"image": PICTURE}, {"image": PICTURE, "scale": 4.0}]}
    assert client.put("/v1/styles/large", json=preset).status_code == 201
    body = LARGE | {"styles": [{"image": PICTURE}, {"preset": "large", "scale": 0.9}], "size": 400}
    problem = client.post("/v1/transfers", json=body).get_json()
    assert [error["loc"] for error in problem["errors"]] == ["styles.1.scale"]
