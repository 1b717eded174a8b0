"""What a POST may say of its job's place and time, and how it is repeated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, eventually, png

KEYS = {"alice": "alices-key", "bob": "bobs-key", "carol": "carols-key"}
RETENTION_S = 20
LONG = {"size": 512, "iterations": 5000, "tolerance": 0}


@pytest.fixture(scope="module")
def small(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service for three callers, in which few jobs may wait, few bytes lie, and no job is kept for long."""
    settings = {"queue_limit": 3, "caller_limit": 2, "caller_disk_mb": 8, "retention": f"{RETENTION_S}s"}
    settings |= {"api_keys": ",".join(KEYS.values())}
    with RunningService(narrow_model, tmp_path_factory.mktemp("small"), **settings) as running:
        yield running


@pytest.fixture
def body(photo_png: bytes, texture_png: bytes) -> dict[str, Any]:
    return {"content": b64(photo_png), "styles": [{"image": b64(texture_png)}]} | LONG


def post(service: RunningService, body: dict[str, Any], caller: str, **headers: str) -> requests.Response:
    return service.post(body, **{"X-API-Key": KEYS[caller]}, **headers)


def job(service: RunningService, id: str, caller: str = "alice") -> dict[str, Any]:
    job: dict[str, Any] = service.get(f"/v1/transfers/{id}", headers={"X-API-Key": KEYS[caller]}).json()
    return job


def delete(service: RunningService, *ids: str) -> None:
    for id in ids:
        url = f"{service.url}/v1/transfers/{id}"
        assert requests.delete(url, headers={"X-API-Key": KEYS["alice"]}, timeout=30).status_code in (204, 404)


@pytest.mark.slow
def test_callers_have_limits_and_so_has_the_queue(small: RunningService, body: dict[str, Any]) -> None:
    running = post(small, body, "alice").json()["id"]
    eventually(lambda: job(small, running)["status"] == "running", 30, "not running")
    waiting = [post(small, body, "alice").json()["id"] for _ in range(2)]
    many = post(small, body, "alice")
    assert (many.status_code, many.json()["type"]) == (429, "urn:nst:problem:too-many-jobs")
    waiting.append(post(small, body, "bob").json()["id"])
    full = post(small, body, "bob")
    assert (full.status_code, full.json()["type"]) == (503, "urn:nst:problem:queue-full")
    for refused in (many, full):
        assert 1 <= int(refused.headers["Retry-After"]) <= 86_400
    assert {path.name for path in (small.data / "blobs" / "jobs").iterdir()} == {running, *waiting}
    delete(small, *waiting)
    assert post(small, body, "bob", **{"Idempotency-Key": "room"}).status_code == 202
    again = post(small, body, "bob", **{"Idempotency-Key": "room"})
    delete(small, again.json()["id"], running)


@pytest.mark.slow
def test_a_deadline_fails_a_running_and_a_waiting_job(service: RunningService, body: dict[str, Any]) -> None:
    running, waiting = (service.post(body | {"deadline_s": 600}).json()["id"] for _ in range(2))
    eventually(lambda: "preview" in service.job(running)["links"], 60, "no preview")
    assert [service.job(id)["status"] for id in (running, waiting)] == ["running", "queued"]
    for id in (running, waiting):
        late = "UPDATE jobs SET created_at = created_at - 600, deadline_at = deadline_at - 600 WHERE id = ?"
        service.execute(late, id)
    for id in (running, waiting):
        found = service.ended(id)
        assert (found["status"], found["error"]["status"], found["options"]["deadline_s"]) == ("failed", 504, 600)
    assert service.job(running)["links"]["preview"]


@pytest.mark.slow
def test_ended_jobs_expire_with_their_files(small: RunningService, body: dict[str, Any]) -> None:
    done = post(small, body | {"size": 64, "iterations": 1}, "alice", Prefer="wait=30").json()
    assert done["status"] == "succeeded"
    id = done["id"]
    small.execute("UPDATE jobs SET finished_at = finished_at - ? WHERE id = ?", RETENTION_S, id)
    eventually(lambda: "status" in job(small, id) and job(small, id)["status"] == 404, 30, "still there")
    eventually(lambda: not (small.data / "blobs" / "jobs" / id).exists(), 60, "its files are still there")


@pytest.mark.slow
def test_former_states_of_presets_count_for_their_caller_and_end_with_their_retention(small: RunningService) -> None:
    noise = png(np.random.default_rng(3).integers(0, 255, (1000, 1000, 3), np.uint8))  # 2.9 MiB
    key = {"X-API-Key": KEYS["carol"]}
    url = f"{small.url}/v1/styles/big"

    def put() -> requests.Response:
        return requests.put(url, json={"images": [{"image": b64(noise)}]}, headers=key, timeout=60)

    def versions() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = small.get("/v1/styles/big/versions", headers=key).json()["items"]
        return items

    assert [put().status_code for _ in range(2)] == [201, 200]
    refused = put()
    assert (refused.status_code, "purge=true" in refused.json()["detail"]) == (507, True)
    (former,) = versions()
    small.execute("UPDATE preset_versions SET ended_at = ended_at - ?", RETENTION_S)
    assert versions() == []
    body = {"version": former["version"]}
    assert requests.post(f"{url}/restore", json=body, headers=key, timeout=60).status_code == 404


def test_the_same_post_in_json_and_as_a_form_is_one_job(
    service: RunningService, body: dict[str, Any], photo_png: bytes, texture_png: bytes
) -> None:
    key = {"Idempotency-Key": f"same-{time.time_ns()}"}
    first = service.post(body, **key)
    assert first.status_code == 202
    form = {"request": json.dumps(body | {"content": "file:c", "styles": [{"image": "file:s"}]})}
    files = {"c": photo_png, "s": texture_png}
    again = requests.post(f"{service.url}/v1/transfers", data=form, files=files, headers=key, timeout=60)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Location"] == first.headers["Location"]
    other = service.post(body | {"seed": 1}, **key)
    assert (other.status_code, other.json()["errors"][0]["loc"]) == (422, "Idempotency-Key")
    service.cancel(first.json()["id"])
    service.ended(first.json()["id"])
    ended = service.post(body, **key)
    assert (ended.status_code, ended.json()["status"]) == (200, "canceled")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"priority": 101}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"deadline_s": 0}, "deadline_s"),
        ({"deadline_s": -1}, "deadline_s"),
        ({"deadline_s": "soon"}, "deadline_s"),
        ({"callback_url": "http://127.0.0.1/"}, "callback_url"),
        ({"callback_url": "ftp://example.com/"}, "callback_url"),
        ({"callback_url": 7}, "callback_url"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    service: RunningService, body: dict[str, Any], wrong: dict[str, Any], field: str
) -> None:
    response = service.post(body | wrong)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == field


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ümlaut".encode()])
def test_keys_that_cannot_be_are_refused(service: RunningService, body: dict[str, Any], key: str) -> None:
    response = service.post(body, **{"Idempotency-Key": key})
    assert response.status_code == 422
    assert "Idempotency-Key" in response.json()["errors"][0]["loc"]


def test_what_was_asked_for_is_in_the_resource(service: RunningService, body: dict[str, Any]) -> None:
    made = service.post(body | {"priority": 5, "deadline_s": 600, "size": 64, "iterations": 1}).json()
    assert made["options"]["priority"] == 5
    assert made["options"]["deadline_s"] == pytest.approx(600)
    assert made["options"]["callback_url"] is None
    assert service.ended(made["id"])["status"] == "succeeded"


@pytest.mark.slow
def test_the_picture_of_a_canceled_job_stays_readable(service: RunningService, body: dict[str, Any]) -> None:
    id = service.post(body).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > 3, 30, "no progress")
    service.cancel(id)
    canceled = service.ended(id)
    assert canceled["status"] == "canceled"
    preview = service.get(canceled["links"]["preview"])
    assert (preview.status_code, preview.headers["Content-Type"]) == (200, "image/jpeg")
    missing = service.get(f"/v1/transfers/{id}/image")
    assert missing.status_code == 409
    assert "preview" in missing.json()["detail"]
