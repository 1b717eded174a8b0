"""Presets that learn painters, over HTTP."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import requests
from api.controls import NEGATIVE, assert_refused, painted
from api.listening import Told, told
from api.test_packs_api import put_pack
from front_door import RunningService, b64, eventually, png
from PIL import Image
from second_service import UNUSABLE

pytestmark = pytest.mark.slow

NARROW = np.zeros((8, 300, 3), np.uint8)  # 2 of 64 px
QUICK = {"size": 64, "minutes": 0.01}


def put_painter(service: RunningService, name: str, **body: Any) -> requests.Response:
    return requests.put(f"{service.url}/v1/styles/{name}/painter", json=body, timeout=60)


def painter(service: RunningService, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = service.get(f"/v1/styles/{name}/painter").json()
    return shown


def learned(service: RunningService, name: str) -> dict[str, Any]:
    """Waits until a preset has learned; gives its painter."""
    eventually(lambda: painter(service, name)["status"] not in ("queued", "learning"), 120, "it still learns")
    return painter(service, name)


def in_list(service: RunningService, name: str) -> str:
    """The status of a preset's painter as the list of presets has it."""

    def listed() -> Any:
        (preset,) = [item for item in service.get("/v1/styles").json()["items"] if item["name"] == name]
        return preset["painter"]

    def is_shown_alone_too() -> bool:  # unless a worker begins to teach it between both
        return bool(service.get(f"/v1/styles/{name}").json()["painter"] == listed())

    eventually(is_shown_alone_too, 60, "the list says something else")
    return str(listed())


@pytest.fixture(scope="module")
def heard(service: RunningService) -> list[Told]:
    """All events of the preset "taught", which learned for a few seconds."""
    assert service.put_style("taught", png(NEGATIVE)).status_code == 201
    assert painter(service, "taught")["status"] == in_list(service, "taught") == "none"
    response = put_painter(service, "taught", **QUICK)
    assert response.status_code == 202, response.text
    assert response.headers["Location"] == "/v1/styles/taught/painter"
    assert response.json()["status"] in ("queued", "learning")
    assert response.json()["usage"] is None
    assert in_list(service, "taught") != "none"
    return list(told(service.get("/v1/styles/taught/painter/events").text.split("\n")))


@pytest.fixture(scope="module")
def ready(service: RunningService, heard: list[Told]) -> dict[str, Any]:
    """The painter of the preset "taught"."""
    assert learned(service, "taught")["status"] == "ready"
    return painter(service, "taught")


def test_it_says_how_it_learned(service: RunningService, ready: dict[str, Any]) -> None:
    assert ready["status"] == "ready"
    assert in_list(service, "taught") == "ready"
    assert ready["error"] is None
    assert (ready["fraction"], ready["size"], ready["photos"]) == (1.0, 64, 0)
    assert ready["steps"] > 0
    assert ready["seconds"] >= 0.6
    assert set(ready["judged"]) == {"painter", "optimizer"}
    assert ready["judged"]["painter"]["total"] > 0
    assert ready["losses"][0]["total"] > 0
    assert ready["usage"]["megapixel_evaluations"] > 0


def test_its_model_is_an_onnx_file_that_paints(service: RunningService, ready: dict[str, Any]) -> None:
    response = service.get(ready["links"]["model"])
    assert response.status_code == 200
    assert len(response.content) == ready["bytes"]
    assert response.headers["ETag"] == f'"{ready["sha256"]}"'
    model = onnx.load_from_string(response.content)
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert (facts["nst.preset"], facts["nst.size"]) == ("taught", "64")
    session = onnxruntime.InferenceSession(response.content, providers=["CPUExecutionProvider"])
    (painting,) = session.run(None, {"photograph": np.full((1, 3, 40, 64), 0.5, np.float32)})
    assert painting.shape == (1, 3, 40, 64)
    assert 0 <= painting.min() <= painting.max() <= 1


def test_its_pack_brings_it_to_another_preset(service: RunningService, ready: dict[str, Any]) -> None:
    pack = service.get("/v1/styles/taught/pack")
    assert put_pack(service, "taught-elsewhere", pack.content).status_code == 201
    shown = painter(service, "taught-elsewhere")
    for same in ("status", "size", "steps", "seconds", "photos", "judged"):
        assert shown[same] == ready[same]
    own, theirs = (
        service.transfer(png(NEGATIVE), {"preset": name}, size=64, method="painter")
        for name in ("taught", "taught-elsewhere")
    )
    assert own["status"] == "succeeded"
    assert theirs["result"]["sha256"] == own["result"]["sha256"]  # losses follow


def test_the_preview_shows_four_pictures(service: RunningService, ready: dict[str, Any]) -> None:
    response = service.get(ready["links"]["preview"])
    assert Image.open(io.BytesIO(response.content)).size == (512, 512)


def test_its_events_say_that_it_has_learned_and_end_with_the_painter(
    service: RunningService, heard: list[Told], ready: dict[str, Any]
) -> None:
    *_, progress, done = heard
    assert (progress.name, progress.data["status"]) == ("progress", "succeeded")
    assert (done.name, done.data) == ("done", ready)
    assert list(told(service.get(ready["links"]["events"]).text.split("\n")))[-1] == done


def test_a_transfer_goes_before_a_learning(service: RunningService) -> None:
    service.put_style("patient", png(NEGATIVE), painter={"size": 64, "minutes": 10})
    eventually(lambda: painter(service, "patient")["status"] == "learning", 30, "it doesn't learn")
    eventually(lambda: painter(service, "patient")["steps"] > 2, 60, "it takes no steps")
    job = painted(service, {"image": b64(png(NEGATIVE))}, size=64, iterations=1)
    assert job["status"] == "succeeded"
    eventually(lambda: painter(service, "patient")["status"] == "learning", 30, "it doesn't go on")
    assert painter(service, "patient")["steps"] > 2  # from its checkpoint
    assert requests.delete(f"{service.url}/v1/styles/patient/painter", timeout=30).status_code == 204
    assert painter(service, "patient")["status"] == "none"
    assert requests.delete(f"{service.url}/v1/styles/patient/painter", timeout=30).status_code == 404


def test_the_events_of_a_learning_end_with_the_one_that_replaces_it(service: RunningService) -> None:
    service.put_style("taught-again", png(NEGATIVE), painter={"size": 64, "minutes": 10})
    url = f"{service.url}/v1/styles/taught-again/painter"
    with requests.get(f"{url}/events", stream=True, timeout=60) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert "event: progress" in lines
        assert put_painter(service, "taught-again", size=64, minutes=10).status_code == 202
        assert "event: done" in lines
        assert json.loads(next(lines).partition(": ")[2])["status"] in ("queued", "learning")
    assert requests.delete(url, timeout=30).status_code == 204


def test_a_learning_that_no_preset_names_ends_by_itself(service: RunningService) -> None:
    service.put_style("nameless", png(NEGATIVE), painter={"size": 64, "minutes": 1440})
    eventually(lambda: painter(service, "nameless")["status"] == "learning", 30, "it doesn't learn")
    with closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database:
        (job,) = database.execute("select learning from presets where name = 'nameless'").fetchone()
        with database:  # as a version before left it, which replaced the preset at the same time
            database.execute("update presets set learning = null where name = 'nameless'")

        def status() -> str:
            return str(database.execute("select status from jobs where id = ?", [job]).fetchone()[0])

        eventually(lambda: status() != "running", 30, "it still learns")
        assert status() == "canceled"


def test_a_replaced_preset_has_no_painter(service: RunningService) -> None:
    service.put_style("changed", png(NEGATIVE), painter=QUICK)
    assert learned(service, "changed")["status"] == "ready"
    service.put_style("changed", png(np.ascontiguousarray(NEGATIVE[::-1])))
    assert painter(service, "changed")["status"] == "none"
    assert service.get("/v1/styles/changed/painter/model").status_code == 409


def test_photographs_are_learned_from(service: RunningService) -> None:
    photo = png(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8))
    service.put_style("seen", png(NEGATIVE))
    assert put_painter(service, "seen", photos=[b64(photo)], **QUICK).status_code == 202
    assert learned(service, "seen")["photos"] == 1
    ((id, counted),) = service.execute("SELECT id, bytes FROM jobs WHERE kind = 'learn' ORDER BY number DESC LIMIT 1")
    folder = service.data / "blobs" / "jobs" / id
    assert counted < len(photo) and folder.is_dir()
    eventually(lambda: not list(folder.glob("photo-*")), 30, "the photograph is still there")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"size": 63}, "size"),
        ({"size": 64, "minutes": 0}, "minutes"),
        ({"photos": ["bm8="]}, "photos.0"),
        ({"photos": 3}, "photos"),
        ({"photos": [b64(png(NEGATIVE)), b64(png(NARROW))]}, "photos.1"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_wrong_field_is_named(service: RunningService, body: dict[str, Any], field: str) -> None:
    service.put_style("untaught", png(NEGATIVE))
    assert_refused(put_painter(service, "untaught", **body), field)
    assert painter(service, "untaught")["status"] == "none"
    wrong = service.put_style("never-taught", png(NEGATIVE), painter=body)
    assert_refused(wrong, f"painter.{field}")
    assert service.get("/v1/styles/never-taught").status_code == 404


def test_there_is_no_painter_of_no_preset(service: RunningService) -> None:
    assert put_painter(service, "nobody").status_code == 404
    assert service.get("/v1/styles/nobody/painter").status_code == 404


def test_the_operators_photographs_are_learned_from(second_service: RunningService) -> None:
    second_service.put_style("seen", png(NEGATIVE))
    put_painter(second_service, "seen", photos=[b64(png(NEGATIVE))], **QUICK)
    assert learned(second_service, "seen")["photos"] == 2
    log = second_service.log.read_text()
    for left_out in UNUSABLE:
        assert f"no painter learns from {second_service.env['NST_PHOTOS']}/{left_out}" in log
