"""A data folder of the version before, as callers find it once this one runs over it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from api.listening import Stream
from front_door import RunningService, eventually
from storage.before import BEFORE, JOBS, insert_rows, job, write_files

pytestmark = pytest.mark.slow

SHOWN: dict[str, Any] = BEFORE["shown"]
RUNNING, WAITING, CANCELED = (
    job("transfer", "running"),
    job("transfer", "queued"),
    job("transfer", "queued", 1),
)
SEVERAL, SINGLE = job("transfer", "succeeded"), job("transfer", "succeeded", 1)


@pytest.fixture(scope="module")
def service(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """This version's service over the folder, which nothing has read yet."""
    data = tmp_path_factory.mktemp("before")
    insert_rows(data)
    write_files(data)
    with RunningService(narrow_model, data, retention="9999d") as service:
        yield service


def test_what_had_not_ended_is_canceled_taken_over_or_begun(service: RunningService) -> None:
    """In the order of the queue: one transfer under way, two that wait, and a task."""
    assert service.cancel(CANCELED["id"]).json()["status"] == "canceled"
    assert_goes_on_at_its_checkpoint(service)
    service.cancel(RUNNING["id"])
    assert service.ended(RUNNING["id"])["status"] == "canceled"
    assert_kept_what_was_done(service)
    ended = service.ended(WAITING["id"])
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert ended["result"]["iterations"] == 2
    eventually(lambda: warm_status(service) == "succeeded", 60, "its Grams were not computed")


def assert_goes_on_at_its_checkpoint(service: RunningService) -> None:
    before, kept = RUNNING["progress"]["iteration"], RUNNING["checkpoint"]["progress"]["iteration"]
    with Stream(service, RUNNING["id"]) as stream:
        iterations = (event.data["iteration"] for event in stream.events if event.name == "progress")
        seen = list(takewhile(lambda iteration: iteration <= before, iterations))
    assert min(seen, default=kept) >= kept


def assert_kept_what_was_done(service: RunningService) -> None:
    """The first picture of the job that was taken over wasn't painted again."""
    log = service.log.read_text()
    assert "checkpoint can't be used" not in log
    assert "is painted again" not in log
    done = RUNNING["checkpoint"]["done"][0]["blob"]
    assert (service.data / "blobs" / done).read_bytes() == base64.b64decode(BEFORE["files"][done])
    assert not list((service.data / "blobs" / "jobs" / RUNNING["id"]).glob("result-2-0*"))


def warm_status(service: RunningService) -> str:
    return str(service.get("/v1/styles/three").json()["warm"]["status"])


def test_ended_jobs_are_shown_as_they_were(service: RunningService) -> None:
    listed = {one["id"]: one for one in service.get("/v1/transfers?limit=100").json()["items"]}
    assert set(listed) == {row["id"] for row in JOBS if row["kind"] == "transfer"}
    for id, before in SHOWN["transfers"].items():
        shown = before | {"options": before["options"] | {"method": "optimize"}}  # which is new
        assert service.job(id)["options"] == shown["options"]
        if shown["status"] != "queued":
            pictures = len((shown["result"] or {}).get("variants", ()))
            shown = shown | {"progress": shown["progress"] | {"pictures": pictures}}  # which is new
            assert (
                service.job(id) == listed[id] == shown | {"usage": None, "queue": None, "delivery": None}
            )  # which are new
    assert service.get(f"/v1/scores/{SHOWN['score']['id']}").json() == SHOWN["score"] | {"usage": None, "queue": None}
    for id, shown in SHOWN["files"].items():
        items = service.get(f"/v1/transfers/{id}/files").json()["items"]
        assert items == [file | {"name": None} for file in shown]  # which is new


def test_pictures_of_ended_jobs_are_there(service: RunningService) -> None:
    for row in (SEVERAL, SINGLE):
        for k, picture in enumerate(row["result"]["variants"]):
            response = service.get(f"/v1/transfers/{row['id']}/image?variant={k}")
            assert hashlib.sha256(response.content).hexdigest() == picture["sha256"]
            assert response.headers["Content-Type"] == picture["media_type"]
        for shown in SHOWN["files"][row["id"]]:
            data = service.get(shown["link"]).content
            assert hashlib.sha256(data).hexdigest() == shown["sha256"]


def test_the_events_of_an_ended_job_are_told(service: RunningService) -> None:
    lines = service.get(f"/v1/transfers/{SEVERAL['id']}/events").text.splitlines()
    assert [line.removeprefix("event: ") for line in lines if line.startswith("event:")] == [
        "progress", "preview", "done",
    ]  # fmt: skip


def test_presets_are_shown_as_they_were(service: RunningService) -> None:
    listed = service.get("/v1/styles?limit=100").json()["items"]
    for now, before in zip(listed, SHOWN["styles"], strict=True):
        if now["warm"]:
            assert "usage" in now["warm"]  # which is new
            now["warm"] = before["warm"] | {"sizes": now["warm"]["sizes"]}  # it goes on
        assert now["links"].pop("painter") == f"/v1/styles/{now['name']}/painter"  # which is new
        assert now.pop("version")
        new = {name: now.pop(name) for name in ("painter", "options", "built_in", "shared")}
        assert new == {"painter": "none", "options": {}, "built_in": False, "shared": False}
        assert {image.pop("name") for image in now["images"]} == {None}
        assert now == before
    assert service.get("/v1/styles/two/images/1").status_code == 200
    assert service.get("/v1/styles/packed/images/0").status_code == 404
