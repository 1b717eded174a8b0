"""A job decodes each of its files once, however many pictures it paints and at however many levels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png

from service.config import Settings
from service.decoding import lanes
from service.decoding.unread import Unread
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.options import TransferOptions
from service.pictures import images
from service.pictures.style_image import StyleImage
from service.storage.records import TransferResult
from service.storage.stored_files import StoredImage
from service.worker.process import Worker

COLORS = ("style", "luminance", "match")


@pytest.fixture
def worker(narrow_model: Path, tmp_path: Path) -> Worker:
    """A worker that isn't started: it works off the jobs that wait."""
    return Worker(Settings(data=tmp_path / "data", model=narrow_model, threads=1), lambda: False)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often each file was decoded, by its digest."""
    counts: Counter[str] = Counter()
    run = lanes.run

    def counting(task: str, file: Unread, *args: Any, **settings: Any) -> Any:
        counts[file.sha256] += 1
        return run(task, file, *args, **settings)

    monkeypatch.setattr(lanes, "run", counting)
    return counts


class Pictures:
    """Pictures in a worker's blobs."""

    def __init__(self, worker: Worker) -> None:
        self._blobs = worker._blobs

    def stored(self, name: str, picture: np.ndarray) -> StoredImage:
        data = png(picture)
        self._blobs.put(f"pictures/{name}", data)
        return StoredImage(f"pictures/{name}", images.digest(data), picture.shape[1], picture.shape[0])

    def style(
        self, name: str, picture: np.ndarray, mask: StoredImage | None = None, style_mask: StoredImage | None = None
    ) -> StoredStyle:
        image = StyleImage(self.stored(name, picture), mask=style_mask)
        return StoredStyle(None, 1.0, 1.0, (image,), mask=mask)


def carried_out(worker: Worker, request: TransferRequest) -> TransferResult:
    queue = Queue(worker._database, Limits())
    id = queue.submit(Submission(new_id(), request)).id
    worker.work_off()
    job = queue.get(id)
    assert job.status == "succeeded", job.error
    assert job.transfer_result is not None
    return job.transfer_result


@pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_all_variants_decode_each_picture_and_mask_once(
    worker: Worker, decoded: Counter[str], photo: np.ndarray, texture: np.ndarray, count: int
) -> None:
    pictures = Pictures(worker)
    content = pictures.stored("content", photo)
    mask = pictures.stored("mask", np.where(photo > 99, np.uint8(255), np.uint8(0)))
    protect = pictures.stored("protect", photo // 4)
    styles = (pictures.style("one", texture, mask=mask), pictures.style("two", 255 - texture))
    variants = tuple(
        Painting(
            styles,
            TransferOptions(
                size=96, iterations=1, seed=k, color=COLORS[k % 3], levels=1 + k % 2,
                init="style" if k == 1 else "random", alpha="keep" if k == 2 else "flatten",
            ),
            protect=protect,
        )
        for k in range(count)
    )  # fmt: skip
    request = TransferRequest(content, Painting(styles, TransferOptions(size=96)), variants)
    result = carried_out(worker, request)
    given = [content, mask, protect, *(style.images[0].file for style in styles)]
    assert {image.blob: decoded[image.sha256] for image in given} == {image.blob: 1 for image in given}
    painted = {picture.sha256 for picture in result.pictures}
    assert {digest: decoded[digest] for digest in painted} == dict.fromkeys(painted, 1), "for the contact sheet"


@pytest.mark.parametrize("init", ["content", "style"])
@pytest.mark.slow
def test_one_picture_decodes_a_style_once_for_all_levels(
    worker: Worker, decoded: Counter[str], photo: np.ndarray, texture: np.ndarray, init: str
) -> None:
    pictures = Pictures(worker)
    style_mask = pictures.stored("mask", texture)
    styles = (pictures.style("one", texture[::-1], style_mask=style_mask),)
    base = Painting(styles, TransferOptions(size=128, iterations=4, levels=3, init=init))
    carried_out(worker, TransferRequest(pictures.stored("content", photo), base))
    assert len(decoded) == 3
    assert set(decoded.values()) == {1}


@pytest.mark.slow
def test_what_was_resized_is_kept_before_what_was_decoded(
    worker: Worker, decoded: Counter[str], photo: np.ndarray, texture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for one of two style pictures, then for nothing; the variants need other Gram matrices of both."""
    pictures = Pictures(worker)
    content, mask = pictures.stored("content", photo), pictures.stored("mask", texture[::-1])
    styles = (pictures.style("one", texture, style_mask=mask), pictures.style("two", 255 - texture))
    for size, room, times in ((64, 1.5, 1), (65, 0, len(COLORS))):
        monkeypatch.setattr("service.jobs.memory_check.KEPT_DECODED", int(room * texture.nbytes))
        decoded.clear()
        variants = tuple(Painting(styles, TransferOptions(size=size, iterations=1, color=color)) for color in COLORS)
        carried_out(worker, TransferRequest(content, variants[0], variants))
        assert decoded[content.sha256] == 1
        given = [mask, *(style.images[0].file for style in styles)]
        assert {image.blob: decoded[image.sha256] for image in given} == {image.blob: times for image in given}
