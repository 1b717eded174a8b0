"""nst_client against a real service: what it submits, what it returns, and the errors that it raises."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import RunningService, png
from nst_client import Client, Conflict, InvalidInput, JobFailed, NotFound, StillRunning, Unreachable
from nst_client.pictures import Parts
from PIL import Image

SMALL: dict[str, Any] = {"size": 64, "iterations": 3}
LONG: dict[str, Any] = {"size": 256, "iterations": 3000, "tolerance": 0.0}


@pytest.fixture
def client(service: RunningService, texture_png: bytes) -> Iterator[Client]:
    service.put_style("mosaic", texture_png)
    with Client(service.url) as client:
        yield client


@pytest.fixture
def photo_file(tmp_path: Path, photo_png: bytes) -> Path:
    file = tmp_path / "photo.png"
    file.write_bytes(photo_png)
    return file


def test_a_picture_is_painted_and_saved(client: Client, photo_file: Path, tmp_path: Path) -> None:
    transfer = client.transfer(photo_file, preset="mosaic", **SMALL).wait()
    assert transfer.resource["options"]["content"]["name"] == "photo.png"
    out = transfer.save(tmp_path / "new" / "out.png")
    assert out.read_bytes() == transfer.image()
    assert [path.name for path in out.parent.iterdir()] == ["out.png"]


@pytest.mark.parametrize(("name", "format"), [("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("a.PNG", "PNG"), ("a", "PNG")])
def test_the_name_of_the_file_says_its_format(
    client: Client, photo_png: bytes, tmp_path: Path, name: str, format: str
) -> None:
    transfer = client.transfer(photo_png, preset="mosaic", idempotency_key="formats", **SMALL).wait()
    with Image.open(transfer.save(tmp_path / name)) as image:
        assert image.format == format


def test_pictures_are_paths_or_bytes_wherever_one_can_stand(
    client: Client, photo_file: Path, photo_png: bytes
) -> None:
    mask = png(np.where(np.arange(451) < 200, 255, 0).astype(np.uint8)[None].repeat(300, 0))
    styles: list[dict[str, Any]] = [{"preset": "mosaic", "mask": mask}, {"image": str(photo_file), "weight": 0.5}]
    options: dict[str, Any] = {"init": photo_png, "protect": mask, "variants": [{"seed": 1}, {"init": "random"}]}
    transfer = client.transfer(str(photo_file), styles=styles, **options, **SMALL).wait()
    sent = transfer.resource["options"]
    assert [entry.get("preset") for entry in sent["styles"]] == ["mosaic", None]
    assert sent["protect"]["width"] == 451 and sent["init"]["sha256"] == sent["content"]["sha256"]
    assert transfer.variants == 2
    assert transfer.image(1) != transfer.image(0)


def test_files_are_found_where_they_can_stand_and_nonsense_is_left_to_the_service(photo_file: Path) -> None:
    parts = Parts()
    fields = {"painter": {"photos": [photo_file, b"more"], "size": 64}, "variants": 5, "styles": [3], "protect": 7}
    fields["mask"] = "DATA:image/png;base64," + "A" * 5000
    photos = ["file:picture0", "file:picture1"]
    assert parts.body(fields) == fields | {"painter": {"photos": photos, "size": 64}}
    assert parts.paths == [photo_file]


def test_a_problem_is_an_exception_with_its_fields(client: Client, photo_png: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        client.transfer(photo_png, preset="nobody", size=1)
    assert refused.value.status == 422
    assert {error.loc for error in refused.value.errors} == {"size"}
    assert refused.value.type == "urn:nst:problem:invalid-input"
    with pytest.raises(NotFound, match="no transfer"):
        client.get_transfer("nothing")
    with pytest.raises(ValueError, match="either"):
        client.transfer(photo_png, "mosaic", styles=[])
    with pytest.raises(FileNotFoundError):
        client.transfer("no-such-file.jpg", "mosaic")


def test_a_key_makes_one_job(client: Client, photo_png: bytes) -> None:
    first, second = (client.transfer(photo_png, "mosaic", idempotency_key="once", **SMALL) for _ in range(2))
    assert first.id == second.id
    assert client.transfer(photo_png, "mosaic", **SMALL).id != first.id
    assert next(client.transfers()).id != first.id
    assert first.id in [transfer.id for transfer in client.transfers()]


def test_costs_are_told_before_and_after(client: Client, photo_png: bytes) -> None:
    before = next(client.transfers(), None)
    estimate = client.estimate(photo_png, "mosaic", **SMALL)
    assert estimate["cost"] > 0 and estimate["allowed"] and estimate["queue"]["position"] >= 1
    after = next(client.transfers(), None)
    assert (after and after.id) == (before and before.id)
    today = datetime.now(UTC).date()
    client.transfer(photo_png, "mosaic", **SMALL).wait()
    usage = client.usage(today, by_day=True)
    assert usage["jobs"] >= 1 and usage["items"][0]["day"] >= today.isoformat()
    assert client.usage(date(2020, 1, 1), date(2020, 1, 2))["jobs"] == 0


def test_events_lead_to_the_end(client: Client, photo_png: bytes) -> None:
    transfer = client.transfer(photo_png, "mosaic", **SMALL)
    *before, done = transfer.events()
    assert {event.name for event in before} <= {"progress", "preview"}
    assert done.name == "done" and transfer.status == "succeeded" and transfer.fraction == 1
    assert list(transfer.events())[-1].data == done.data
    preview = transfer.preview()
    assert preview is not None and Image.open(io.BytesIO(preview)).format == "JPEG"


@pytest.mark.slow
def test_a_job_that_takes_longer_goes_on_until_it_is_canceled(client: Client, photo_png: bytes) -> None:
    transfer = client.transfer(photo_png, "mosaic", **LONG)
    seen: list[float] = []
    with pytest.raises(StillRunning):
        transfer.wait(timeout=0.5, on_progress=lambda job: seen.append(job.fraction))
    assert seen
    with pytest.raises(Conflict, match="no picture"):
        transfer.image()
    assert transfer.variants == 0
    transfer.cancel()
    with pytest.raises(JobFailed) as canceled:
        transfer.wait()
    assert canceled.value.id == transfer.id
    transfer.delete()
    with pytest.raises(NotFound):
        transfer.refresh()


def test_presets_are_saved_listed_and_deleted(client: Client, photo_file: Path, photo_png: bytes) -> None:
    weighted = {"image": photo_file, "weight": 2.0}
    assert client.save_style("clients-own", photo_png, weighted, description="Two").description == "Two"
    style = client.style("clients-own")
    assert [image["weight"] for image in style.resource["images"]] == [1.0, 2.0]
    assert not style.has_painter
    assert "clients-own" in [found.name for found in client.styles()]
    client.delete_style("clients-own")
    with pytest.raises(NotFound):
        client.style("clients-own")


def test_a_score_is_waited_for(client: Client, photo_png: bytes) -> None:
    score = client.score(photo_png, photo_png, "mosaic", size=64)
    assert score.losses["content"] == pytest.approx(0, abs=1e-3)
    assert set(score.layers["style"]) >= {"relu1_1"}
    score.delete()
    with pytest.raises(NotFound):
        score.refresh()


def test_a_service_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1: Connection refused"):
        Client("http://127.0.0.1:1", patience_s=0.1).style("mosaic")
