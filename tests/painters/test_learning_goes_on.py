"""A learning in the hands of one worker after the other: what each attempt adds, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from jobs.submitting import claimed

from service.decoding.files import check_image
from service.errors import BlobsFull
from service.jobs.leases import LeaseLost, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import StoredStyle
from service.jobs.tasks import LearnTask
from service.jobs.unattended import release
from service.machine.memory import MIB, Capacity
from service.painting.stylist import Stylist
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PresetPainter
from service.storage.schema import JobRow
from service.styles.preset_painters import PresetPainters
from service.styles.presets import Presets
from service.worker import learn
from service.worker.learn import LearnRun
from service.worker.photographs import HELD_OUT, decode_file
from service.worker.reporter import Reporter

pytestmark = pytest.mark.slow

PICTURE = png(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
SHORT = 0.0001  # minutes: a step or two


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


class Teaching:
    """A preset that learns, and workers that are called by hand."""

    def __init__(self, database: Database, folder: Path, model: Path) -> None:
        self.blobs, self.leases = Blobs(folder.as_uri()), Leases(database, 60)
        self.presets, self.painters = Presets(database, self.blobs), PresetPainters(database, self.blobs)
        self.queue = Queue(database, Limits())
        self.photos: Path | None = None
        self.stylist = Stylist(
            model, Blobs("memory:///"), device="cpu", precision="float32", threads=1, gram_memory=MIB
        )

    def begin(self, minutes: float) -> None:
        row, _ = self.presets.put("taught", "", [StyleImage(check_image(PICTURE))])
        task = LearnTask(StoredStyle("taught", 1.0, 1.0, row.images), row.version, 64, minutes)
        self.painters.begin("taught", lambda session, _: self.queue.submit_in(session, Submission("it", task, "")).id)

    def attempt(self) -> LearnRun:
        """Return the next attempt, which a worker has just claimed."""
        claim = claimed(self.leases)
        reporter = Reporter(self.leases, self.blobs, claim, lambda: False, 60)
        run = LearnRun(self.leases, self.blobs, Capacity(None, "float32"), claim, reporter, self.stylist)
        run.photos = self.photos
        return run

    def killed_at(self, owner: type, method: str) -> None:
        """Make an attempt whose worker is killed when it calls a method."""

        def die(*_: Any, **__: Any) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
            patched.setattr(owner, method, die)
            self.attempt().carry_out()
        release(self.leases.database, ["host:1"])

    @property
    def job(self) -> JobRow:
        return self.queue.get("it")

    @property
    def painter(self) -> PresetPainter:
        painter = self.presets.get("taught").painter
        assert painter is not None
        return painter

    @property
    def compared(self) -> list[str]:
        """The files of photographs on which the painter will be compared."""
        names = (blob.key.rpartition("/")[2] for blob in self.blobs.listing("jobs/it"))
        return [name for name in names if name.startswith("compared-")]

    def files(self) -> dict[str, int]:
        """The painter's files, and their bytes."""
        return {blob.key: blob.size for blob in self.blobs.listing("painters/it")}


class Killed(BaseException):
    """The end of a process by a signal."""


@pytest.fixture
def teaching(database: Database, tmp_path: Path, narrow_model: Path, monkeypatch: pytest.MonkeyPatch) -> Teaching:
    monkeypatch.setattr(learn, "painters_of", lambda model: [])  # reading those of the starters takes a second
    return Teaching(database, tmp_path / "blobs", narrow_model)


def test_it_comes_further_in_each_attempt_however_many_others_wait(
    teaching: Teaching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Grams in the first three, one for each size, and then by a step in each."""
    photos, decoded = tmp_path / "photos", list[str]()
    photos.mkdir()
    for k in range(HELD_OUT + 3):
        (photos / f"{k:02}.png").write_bytes(PICTURE if k else b"no picture")

    def decode(path: Path, *more: Any) -> Any:
        decoded.append(path.name)
        return decode_file(path, *more)

    monkeypatch.setattr(learn, "decode_file", decode)
    monkeypatch.setattr(learn, "DECODE_S", 0.0)
    monkeypatch.setattr(Leases, "must_give_way", lambda *_: True)
    teaching.begin(minutes=1.0)
    steps = []
    for _ in range(6):
        run = teaching.attempt()
        run.photos = photos
        run.carry_out()
        found = teaching.job.checkpoint
        steps.append(found.progress.iteration if found else 0)
    assert steps == [0, 0, 0, 1, 2, 3]
    assert len(decoded) == 3 * 3  # in each that comes to a step: two that are held out, and one to learn from
    assert len({*decoded[2::3]}) > 1


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of so many photographs that one is held out."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(HELD_OUT):
        (folder / f"{k:02}.png").write_bytes(PICTURE)
    return folder


def test_attempts_that_are_killed_at_its_end_leave_one_painter(teaching: Teaching, photos: Path) -> None:
    """The first before its preset has the painter, the second after that."""
    teaching.photos = photos
    teaching.begin(SHORT)
    before = teaching.presets.get("taught").bytes
    teaching.killed_at(PresetPainters, "put")
    teaching.killed_at(Leases, "succeed")
    painter = teaching.painter
    assert painter.blob == "painters/it/weights-2.safetensors"
    teaching.attempt().carry_out()
    assert teaching.job.status == "succeeded"
    assert teaching.painter.blob == painter.blob
    assert set(teaching.files()) == {painter.blob, painter.onnx}
    assert teaching.presets.get("taught").bytes - before == sum(teaching.files().values())
    assert teaching.compared == ["compared-3-0.png"]


def test_one_whose_preset_is_replaced_at_its_end_leaves_nothing(
    teaching: Teaching, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching.photos = photos
    teaching.begin(SHORT)
    put = PresetPainters.put

    def put_late(painters: PresetPainters, *given: Any) -> bool:
        assert teaching.compared
        teaching.painters.remove("taught")
        return put(painters, *given)

    monkeypatch.setattr(PresetPainters, "put", put_late)
    teaching.attempt().carry_out()
    error = teaching.job.error
    assert error is not None and "replaced or deleted" in error["detail"]
    assert teaching.compared == []


def test_one_that_has_lost_its_job_gives_no_painter(teaching: Teaching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the job now has removed its files."""
    put = PresetPainters.put

    def put_late(*args: Any) -> bool:
        release(teaching.leases.database, ["host:1"])
        claimed(teaching.leases)
        return put(*args)

    teaching.begin(SHORT)
    monkeypatch.setattr(PresetPainters, "put", put_late)
    with pytest.raises(LeaseLost):
        teaching.attempt().carry_out()
    assert teaching.presets.get("taught").painter is None


def test_a_full_disk_at_its_end_delays_it(teaching: Teaching) -> None:
    put = Blobs.put

    def put_small(self: Blobs, key: str, data: bytes) -> None:
        if key.endswith(".onnx"):
            raise BlobsFull(f"the file {key} could not be written: No space left on device")
        put(self, key, data)

    teaching.begin(SHORT)
    with pytest.MonkeyPatch.context() as full, pytest.raises(BlobsFull):
        full.setattr(Blobs, "put", put_small)
        teaching.attempt().carry_out()
    assert (teaching.job.status, teaching.job.attempts, teaching.job.error) == ("queued", 0, None)
    teaching.attempt().carry_out()
    assert teaching.job.status == "succeeded"
    assert len(teaching.files()) == 2
