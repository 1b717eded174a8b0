"""Transfers that presets' painters paint."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from api.controls import NEGATIVE, assert_refused
from api.test_painters import QUICK, learned, put_painter
from broker.parts import libraries_of
from front_door import RunningService, b64, eventually, png
from painters.painting_presets import give_painter

from service.machine.bells import JOBS, ROWS, VARIABLE

HEIGHT, WIDTH = 48, 64
CONTENT = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
LEFT = np.repeat(np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0)[None].astype(np.uint8), HEIGHT, axis=0)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service(service: RunningService) -> RunningService:
    """The service with two presets that have painters, the first of which learned its own, and one that has none."""
    for name, picture in (("first", NEGATIVE), ("second", 255 - NEGATIVE), ("none", NEGATIVE)):
        service.put_style(name, png(np.ascontiguousarray(picture)))
    assert put_painter(service, "first", **QUICK).status_code == 202
    give_painter(service, "second")
    assert learned(service, "first")["status"] == "ready"
    return service


def post(service: RunningService, *styles: str, **fields: Any) -> requests.Response:
    body: dict[str, Any] = {"content": b64(png(CONTENT)), "size": WIDTH, "method": "painter"}
    given = [{"preset": name} for name in styles]
    return service.post(body | ({"styles": given} if given else {}) | fields, Prefer="wait=60")


def job(service: RunningService, *styles: str, **fields: Any) -> dict[str, Any]:
    response = post(service, *styles, **fields)
    assert response.status_code in (200, 202), response.text
    ended = service.ended(response.json()["id"])
    assert ended["status"] == "succeeded", ended["error"]
    return ended


def picture(service: RunningService, *styles: str, **fields: Any) -> np.ndarray:
    return service.picture(job(service, *styles, **fields)).astype(float)


def judged(service: RunningService, painting: dict[str, Any]) -> dict[str, Any]:
    """Wait until a painting's losses are there."""
    eventually(lambda: service.job(painting["id"])["result"]["losses"], 60, "no losses")
    return service.job(painting["id"])


def test_the_same_request_gives_the_same_bytes(service: RunningService) -> None:
    one, same = job(service, "first"), job(service, "first")
    assert one["options"]["method"] == "painter"
    assert one["options"]["iterations"] == one["progress"]["iterations"] == 0
    assert one["result"]["sha256"] == same["result"]["sha256"]
    assert not np.array_equal(service.picture(one), CONTENT)


def test_losses_follow_and_are_those_of_a_worker_with_the_model(service: RunningService) -> None:
    alone = job(service, "first", variants=[{"format": "jpeg"}, {"strength": 0.2}])
    engine = job(service, "first", variants=[{"format": "jpeg"}, {"strength": 0.2}, {"iterations": 1}])
    assert [variant["losses"] for variant in alone["result"]["variants"]] in ([None, None], losses(engine)[:2])
    after = judged(service, alone)
    assert losses(after) == losses(engine)[:2]
    assert digests(after) == digests(engine)[:2]
    assert after["style_cache"] in ("hit", "partial", "miss")
    assert after["engine"] == engine["engine"]
    events = service.get(alone["links"]["events"]).text
    assert json.loads(events.strip().rpartition("data: ")[2])["result"] == after["result"]


def test_the_measuring_of_losses_is_part_of_what_a_painting_has_cost(service: RunningService) -> None:
    judged(service, job(service, "first"))  # and so were those before
    before, painting = used(service), job(service, "first", "second", strength=0.6)
    usage, after = judged(service, painting)["usage"], used(service)
    assert {name: after[name] - before[name] for name in usage} == pytest.approx(usage, abs=1e-3)
    evaluations = usage["megapixel_evaluations"] * 1e6 / (HEIGHT * WIDTH)
    assert 9 < evaluations < 10  # four passes, as many for the judging, an evaluation, and the reading of the content
    assert (usage["bytes_in"], usage["bytes_out"]) == (len(png(CONTENT)), size_of(service, painting))


def used(service: RunningService) -> dict[str, Any]:
    (found,) = service.get("/v1/usage").json()["items"]
    return dict(found)


def size_of(service: RunningService, job: dict[str, Any]) -> int:
    return len(service.get(job["links"]["image"]).content)


def losses(job: dict[str, Any]) -> list[dict[str, float]]:
    return [variant["losses"] for variant in job["result"]["variants"]]


def digests(job: dict[str, Any]) -> list[str]:
    return [variant["sha256"] for variant in job["result"]["variants"]]


def test_a_painting_waits_for_no_optimisation(service: RunningService) -> None:
    long = service.post(
        {
            "content": b64(png(CONTENT)),
            "styles": [{"preset": "none"}],
            "size": 512,
            "iterations": 5000,
            "tolerance": 0,
        }
    ).json()["id"]
    try:
        eventually(lambda: service.job(long)["progress"]["iteration"] > 0, 60, "it doesn't begin")
        painting = job(service, "first", size=100)
        assert painting["result"]["losses"] is None
        path = f"/v1/transfers/{painting['id']}"
        etag = service.get(path).headers["ETag"]
        assert service.get(path, headers={"If-None-Match": etag}).status_code == 304
        assert service.job(long)["status"] == "running"
    finally:
        service.cancel(long)
        service.ended(long)
    assert judged(service, painting)["result"]["losses"]["total"] > 0
    assert service.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_a_painter_worker_has_no_torch_in_its_memory(service: RunningService) -> None:
    job(service, "first", size=512)
    (painter,) = service.children("service painter")
    assert "onnxruntime" in libraries_of(painter)
    assert "torch" not in libraries_of(painter)
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{painter}/status").read_text())
    assert int(kilobytes) < 300 * 1024


def test_the_judging_of_a_deleted_painting_ends_quietly(service: RunningService) -> None:
    said_before = len(service.log.read_text())
    painting = job(service, "first", size=96)
    assert requests.delete(f"{service.url}/v1/transfers/{painting['id']}", timeout=30).status_code == 204
    judged(service, job(service, "second"))  # which is judged after it
    assert service.get(f"/v1/transfers/{painting['id']}").status_code == 404
    assert ": failed (" not in service.log.read_text()[said_before:]


def test_iterations_refine_it(service: RunningService) -> None:
    painted, refined = judged(service, job(service, "first")), job(service, "first", iterations=5)
    assert refined["result"]["losses"]["total"] < painted["result"]["losses"]["total"]
    assert refined["progress"]["iterations"] == 5
    both = job(service, "first", variants=[{}, {"iterations": 5}])
    painted_alone = both["usage"]["megapixel_evaluations"] - refined["usage"]["megapixel_evaluations"]
    read = 2 / 100  # the sheet's two pictures
    assert painted_alone == pytest.approx(HEIGHT * WIDTH * (2 + read) / 1e6, abs=2e-6)  # its losses are evaluated too


def test_strength_is_a_dial_from_the_content_on(service: RunningService) -> None:
    at = {strength: picture(service, "first", strength=strength) for strength in (0, 0.25, 0.5, 1)}
    assert np.array_equal(at[0], CONTENT)
    assert np.array_equal(at[0.5], picture(service, "first"))
    assert np.abs(at[0.25] - (at[0] + at[0.5]) / 2).max() <= 1
    assert np.abs(at[1] - at[0.5]).mean() > 1


def test_styles_are_mixed_by_their_weights(service: RunningService) -> None:
    first, second = picture(service, "first"), picture(service, "second")
    mixed = picture(service, styles=[{"preset": "first", "weight": 3}, {"preset": "second"}])
    assert np.abs(mixed - (3 * first + second) / 4).max() <= 1


def test_masks_say_where_a_style_goes(service: RunningService) -> None:
    mask = b64(png(LEFT))
    apart = picture(service, styles=[{"preset": "first", "mask": mask}, {"preset": "second"}])
    half = WIDTH // 2
    assert np.array_equal(apart[:, :half], picture(service, "first")[:, :half])
    assert np.array_equal(apart[:, half:], picture(service, "second")[:, half:])
    alone = picture(service, styles=[{"preset": "first", "mask": mask}])
    assert np.array_equal(alone[:, half:], CONTENT[:, half:])


def test_protected_places_stay_and_a_map_sets_the_strength(service: RunningService) -> None:
    half = WIDTH // 2
    kept = picture(service, "first", protect=b64(png(LEFT)))
    mapped = picture(service, "first", strength_map=b64(png(LEFT)))
    whole = picture(service, "first")
    assert np.array_equal(kept[:, :half], CONTENT[:, :half])
    assert np.array_equal(kept[:, half:], whole[:, half:])
    assert np.array_equal(mapped[:, :half], whole[:, :half])
    assert np.array_equal(mapped[:, half:], CONTENT[:, half:])


def test_luminance_keeps_the_content_s_chroma(service: RunningService) -> None:
    painted = picture(service, "first", color="luminance")
    chroma = CONTENT - CONTENT.mean(axis=2, keepdims=True)
    assert np.abs((painted - painted.mean(axis=2, keepdims=True)) - chroma).max() <= 2


def test_match_keeps_the_content_s_colours(service: RunningService) -> None:
    painted, matched = picture(service, "first"), picture(service, "first", color="match")
    mean = CONTENT.mean(axis=(0, 1))
    assert np.abs(matched.mean(axis=(0, 1)) - mean).max() < np.abs(painted.mean(axis=(0, 1)) - mean).max()


@pytest.mark.parametrize("size", [32, 300])
def test_other_sizes_than_it_learned_are_painted(service: RunningService, size: int) -> None:
    assert picture(service, "first", size=size).shape[:2] == (size * 3 // 4, size)


def test_variants_and_blends(service: RunningService) -> None:
    several = job(service, "first", variants=[{"strength": 0.2}, {"method": "optimize", "iterations": 2}])
    assert [variant["iterations"] for variant in several["result"]["variants"]] == [0, 2]
    blended = job(service, blend={"from": "first", "to": "second", "steps": 2})
    assert len(blended["result"]["variants"]) == 3


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"styles": [{"preset": "none"}]}, "styles.0.preset", "PUT /v1/styles/none/painter"),
        ({"styles": [{"image": b64(png(NEGATIVE))}]}, "styles.0.image", "presets that have a painter"),
        ({"styles": [{"preset": "first", "scale": 0.5}]}, "styles.0.scale", "no effect"),
        ({"init": "random"}, "init", "no effect"),
        ({"levels": 2}, "levels", "no effect"),
        ({"style_weight": 2.0}, "style_weight", "without iterations"),
        ({"optimizer": "adam"}, "optimizer", "without iterations"),
        ({"blend": {"from": "first", "to": "none", "steps": 1}, "styles": None}, "blend.to", "no painter yet"),
    ],
)
def test_what_it_can_not_do_is_refused(
    service: RunningService, fields: dict[str, Any], field: str, words: str
) -> None:
    given = {"styles": [{"preset": "first"}]} | fields
    body = {name: value for name, value in given.items() if value is not None}
    response = post(service, **body)
    assert_refused(response, field)
    assert words in response.json()["errors"][0]["msg"]


def test_a_painter_s_transfer_outlives_its_painter(service: RunningService) -> None:
    service.put_style("leaving", png(NEGATIVE))
    give_painter(service, "leaving")
    job(service, "leaving")
    assert requests.delete(f"{service.url}/v1/styles/leaving/painter", timeout=30).status_code == 204
    assert_refused(post(service, "leaving"), "styles.0.preset")


def test_processes_of_a_machine_wait_at_their_bells(service: RunningService) -> None:
    job(service, "first")
    (painter,), (worker,) = service.children("service painter"), service.children("service worker")
    variables = Path(f"/proc/{painter}/environ").read_bytes().decode().split("\0")
    (folder,) = (Path(value) for name, _, value in (one.partition("=") for one in variables) if name == VARIABLE)
    rung = {entry.name.rpartition("-")[0] for entry in folder.iterdir()}
    assert {f"{JOBS}-{painter}", f"{JOBS}-{worker}"} <= rung
    assert {name for name in rung if name.startswith(ROWS)} <= {
        f"{ROWS}-{pid}" for pid in service.children("gunicorn")
    }
    assert any(name.startswith(ROWS) for name in rung)


def test_a_worker_is_nicer_than_a_painter_worker(service: RunningService) -> None:
    (painter,), (worker,) = service.children("service painter"), service.children("service worker")
    assert os.getpriority(os.PRIO_PROCESS, worker) > os.getpriority(os.PRIO_PROCESS, painter)
