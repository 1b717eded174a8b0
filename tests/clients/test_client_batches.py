"""Batches by nst_client."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from front_door import RunningService
from nst_client import Client, JobFailed


@pytest.fixture
def client(service: RunningService, texture_png: bytes) -> Iterator[Client]:
    service.put_style("mosaic", texture_png)
    with Client(service.url) as client:
        yield client


def test_many_pictures_are_painted_with_one_recipe(
    client: Client, tmp_path: Path, photo_png: bytes, texture_png: bytes
) -> None:
    (tmp_path / "cat.png").write_bytes(photo_png)
    contents: list[Path | bytes] = [tmp_path / "cat.png", texture_png, b"no picture"]
    batch = client.batch(contents, "mosaic", size=32, iterations=1, idempotency_key="batch").wait(timeout=60)
    assert client.get_batch(batch.id).counts["succeeded"] == 2 and batch.fraction == 1
    assert batch.id in [found.id for found in client.batches("succeeded") if found.fraction == 1]
    first, second, third = batch.items()
    assert [item.status for item in (first, second, third)] == ["succeeded", "succeeded", "failed"]
    assert first.name == "cat.png" and third.error is not None
    assert batch.image(first) != batch.image(second)
    with zipfile.ZipFile(batch.save_zip(tmp_path / "out.zip")) as pictures:
        assert len([name for name in pictures.namelist() if name.endswith(".png")]) == 2
    assert list(batch.events())[-1].name == "done"
    assert client.batch(contents, "mosaic", size=32, iterations=1, idempotency_key="batch").id == batch.id


def test_a_batch_that_is_canceled_has_failed(client: Client, photo_png: bytes) -> None:
    batch = client.batch([photo_png], "mosaic", size=256, iterations=3000, tolerance=0.0).cancel()
    with pytest.raises(JobFailed, match="canceled"):
        batch.wait(timeout=60)
    batch.delete()
