"""What was damaged on its disk is neither sent as if it were whole, nor painted with, nor kept by anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from front_door import RunningService, b64, png

RNG = np.random.default_rng(11)


def noise(height: int = 64, width: int = 80) -> bytes:
    return png(RNG.integers(0, 255, (height, width, 3), np.uint8))


def folder(service: RunningService, job: dict[str, Any]) -> Path:
    id: str = job["id"]
    return service.data / "blobs" / "jobs" / id


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def assert_refused(response: requests.Response, slug: str = "damaged-file") -> None:
    assert response.status_code == 500
    assert response.json()["type"] == f"urn:nst:problem:{slug}"
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.fixture(scope="module")
def job(service: RunningService) -> dict[str, Any]:
    variants = {"variants": [{}, {"content_weight": 1}]}
    return service.transfer(noise(), {"image": b64(noise())}, size=64, iterations=3, levels=1, **variants)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b""), Path.unlink])
@pytest.mark.slow
def test_a_damaged_file_is_not_sent(service: RunningService, job: dict[str, Any], damage: Any) -> None:
    here = job["links"]["self"]
    names = {path.name: path for path in folder(service, job).iterdir()}
    result = next(path for name, path in names.items() if name.startswith("result") and "-0." in name)
    sheet = next(path for name, path in names.items() if name.startswith("sheet"))
    style = names[job["options"]["styles"][0]["image"]["sha256"]]
    content = names[job["options"]["content"]["sha256"]]
    preview = next(path for name, path in names.items() if name.startswith("preview"))
    asked = {result: "image", sheet: "sheet", style: "styles/0", content: "content", preview: "preview"}
    for path, name in asked.items():
        whole = path.read_bytes()
        assert service.get(f"{here}/{name}").status_code == 200
        if path == preview and damage is flip:
            continue  # nobody knows its digest
        damage(path)
        slug = "missing-file" if damage is Path.unlink else "damaged-file"
        assert_refused(service.get(f"{here}/{name}"), slug)
        if path == result:
            assert_refused(service.get(f"{here}/image", headers={"Accept": "image/webp"}), slug)
            assert service.get(f"{here}/image?variant=1").status_code == 200
        path.write_bytes(whole)
        assert service.get(f"{here}/{name}").content == whole
    assert f"GET {here}/image: the file" in service.log.read_text()


def test_a_job_says_which_of_its_pictures_is_damaged(service: RunningService, photo_png: bytes) -> None:
    style = noise()
    service.put_style("to-be-damaged", style)
    busy = service.post({"content": b64(photo_png), "styles": [{"preset": "to-be-damaged"}], "size": 256})
    waiting = service.post({"content": b64(noise()), "styles": [{"preset": "to-be-damaged"}], "size": 128}).json()
    truncate(folder(service, waiting) / waiting["options"]["content"]["sha256"])
    service.cancel(busy.json()["id"])
    error = service.ended(waiting["id"])["error"]
    assert (error["status"], error["type"]) == (500, "urn:nst:problem:damaged-file")
    assert waiting["options"]["content"]["sha256"] in error["detail"]


def test_a_thumbnail_is_made_anew(service: RunningService) -> None:
    service.put_style("thumbed", noise())
    whole = service.get("/v1/styles/thumbed/image").content
    for path in (service.data / "blobs" / "styles").glob("*/thumbnail.jpg"):
        if path.read_bytes() == whole:
            truncate(path)
    assert service.get("/v1/styles/thumbed/image").content == whole


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b"")])
@pytest.mark.slow
def test_a_pack_is_made_anew(service: RunningService, damage: Any) -> None:
    service.put_style("packed", noise())
    pack = service.get("/v1/styles/packed/pack").content
    (path,) = [path for path in service.data.glob("blobs/styles/*/pack-*.safetensors") if path.read_bytes() == pack]
    damage(path)
    assert service.get("/v1/styles/packed/pack").content == pack


def test_metrics_are_shown_beside_files_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from service.telemetry.exposition import exposition  # noqa: PLC0415
    from service.telemetry.metrics_folder import VARIABLE  # noqa: PLC0415

    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for name in ("counter_1.db", "gauge_livesum_x.db", "gauge_2.db", "foreign_3.db", "histogram_4.db", "odd.db"):
        (tmp_path / name).write_bytes(b"" if name == "counter_1.db" else RNG.bytes(5000))
    (tmp_path / "summary_5.db").mkdir()
    assert exposition(CollectorRegistry(), CollectorRegistry()) == b""
    assert exposition(CollectorRegistry(), CollectorRegistry()) == b""
    assert caplog.text.count("counter_1.db is left out") == 1
