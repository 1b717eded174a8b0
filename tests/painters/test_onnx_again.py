"""The ONNX file of a painter in the hands of one worker after the other: one file is left, which the preset names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jobs.submitting import claimed
from styles.pack_files import some_pack

from service.jobs.leases import LeaseLost, Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.tasks import OnnxTask
from service.jobs.unattended import release
from service.machine.memory import MIB, Capacity
from service.painters.weights import PainterWeights
from service.painting.stylist import Stylist
from service.pictures.images import digest
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PresetPainter
from service.storage.schema import JobRow
from service.storage.stored_files import StoredFile
from service.styles.preset_painters import PackedPainter, PresetPainters
from service.styles.presets import Presets
from service.worker.onnx_file import OnnxRun
from service.worker.reporter import Reporter


class Killed(BaseException):
    """The end of a process by a signal."""


class Making:
    """A preset whose painter came with a pack, and the job that makes its ONNX file."""

    def __init__(self, database: Database, folder: Path, model: Path, weights: PainterWeights) -> None:
        self.blobs, self.leases = Blobs(folder.as_uri()), Leases(database, 60)
        self._presets, self._queue, self._id = Presets(database, self.blobs), Queue(database, Limits()), new_id()
        self._stylist = Stylist(
            model, Blobs("memory:///"), device="cpu", precision="float32", threads=1, gram_memory=MIB
        )
        pack, data = some_pack(), weights.to_bytes()
        packed = PackedPainter(data, PresetPainter(sha256=digest(data), size=64, counted=len(data)))
        preset, _ = self._presets.put_pack("packed", pack.to_bytes(), pack, painter=packed)
        task = OnnxTask(StoredFile(self.painter.blob, self.painter.sha256), "packed", preset.version)
        self._queue.submit(Submission(self._id, task))

    def attempt(self) -> None:
        claim = claimed(self.leases)
        reporter = Reporter(self.leases, self.blobs, claim, lambda: False, 60)
        OnnxRun(self.leases, self.blobs, Capacity(None, "float32"), claim, reporter, self._stylist).carry_out()

    def killed_at(self, owner: type, method: str) -> None:
        """Make an attempt whose worker is killed when it calls a method."""

        def die(*_: Any, **__: Any) -> None:
            raise Killed

        with pytest.MonkeyPatch.context() as patched, pytest.raises(Killed):
            patched.setattr(owner, method, die)
            self.attempt()
        self.release()

    def release(self) -> None:
        release(self.leases.database, ["host:1"])

    def delete_preset(self) -> None:
        self._presets.delete("packed")

    @property
    def job(self) -> JobRow:
        return self._queue.get(self._id)

    @property
    def painter(self) -> PresetPainter:
        painter = self._presets.get("packed").painter
        assert painter is not None
        return painter

    def models(self) -> list[str]:
        """The ONNX files that are stored."""
        return [blob.key for blob in self.blobs.listing("painters") if blob.key.endswith(".onnx")]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def making(database: Database, tmp_path: Path, narrow_model: Path, weights: PainterWeights) -> Making:
    return Making(database, tmp_path / "blobs", narrow_model, weights)


@pytest.mark.parametrize(
    ("killed_at", "left"), [((Leases, "succeed"), 1), ((PresetPainters, "add_model"), 2)], ids=["after", "before"]
)
def test_an_attempt_that_is_killed_beside_the_entry_in_the_preset_leaves_no_second_file(
    making: Making, killed_at: tuple[type, str], left: int
) -> None:
    making.killed_at(*killed_at)
    making.attempt()
    assert making.job.status == "succeeded", making.job.error
    assert making.models() == [making.painter.onnx]
    assert f"/painter-{left}-" in making.painter.onnx
    assert digest(making.blobs.get(making.painter.onnx)) == making.painter.onnx_sha256


def test_one_that_has_lost_its_job_enters_no_file_and_leaves_none(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the job now may have removed it."""
    add_model = PresetPainters.add_model

    def add_late(*given: Any) -> bool:
        making.release()
        claimed(making.leases)
        return add_model(*given)

    monkeypatch.setattr(PresetPainters, "add_model", add_late)
    with pytest.raises(LeaseLost):
        making.attempt()
    assert making.painter.onnx == ""
    assert making.models() == []


def test_one_whose_preset_is_deleted_meanwhile_leaves_no_file_and_is_no_failure(
    making: Making, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = PresetPainters.add_model

    def too_late(*arguments: Any) -> bool:
        making.delete_preset()
        return add(*arguments)

    monkeypatch.setattr(PresetPainters, "add_model", too_late)
    making.attempt()
    assert (making.job.status, making.models()) == ("succeeded", [])
