"""Presets with painters that came with their packs: bytes, files and rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs.submitting import unclaimed
from styles.pack_files import some_pack
from sweep.swept import DAY_S, age, end_retention, keys

from service.errors import DatabaseFull, NoSpace
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.options import TransferOptions
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.preset_schema import PresetRow
from service.storage.records import PresetPainter
from service.storage.stored_files import StoredFile, StoredImage, StoredPainter
from service.styles.preset_changes import PresetChanges, change_preset
from service.styles.preset_files import counted_bytes
from service.styles.preset_painters import PackedPainter, PresetPainters
from service.styles.presets import Presets
from service.worker.sweep import sweep

WEIGHTS = bytes(1000)
PAINTER = PackedPainter(WEIGHTS, PresetPainter(sha256="5" * 64, size=64, counted=len(WEIGHTS)))
PACK = some_pack()
DATA = PACK.to_bytes()
COUNTED = counted_bytes([DATA, PACK.thumbnail])


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs((tmp_path / "blobs").as_uri())


@pytest.fixture
def presets(database: Database, blobs: Blobs) -> Presets:
    return Presets(database, blobs)


def packed(presets: Presets) -> PresetRow:
    return presets.put_pack("packed", DATA, PACK, owner="somebody", painter=PAINTER)[0]


def test_its_bytes_count_until_another_painter_takes_its_place(
    presets: Presets, database: Database, blobs: Blobs
) -> None:
    painters = PresetPainters(database, blobs)
    assert packed(presets).bytes == COUNTED + len(WEIGHTS)
    painters.remove("packed")
    assert presets.get("packed").bytes == COUNTED
    version = packed(presets).version
    painters.begin("packed", lambda session, row: "job")
    learned = PresetPainter("painters/job/weights", counted=300)
    for _ in range(2):  # a job that is taken over at its end gives it again
        assert painters.put(version, "job", learned, unclaimed)
        assert presets.get("packed").bytes == COUNTED + 300
        submit_with(database, learned)  # raises where its files may be removed
    painters.begin("packed", lambda session, row: "another job")
    assert not painters.put(version, "job", learned, unclaimed)
    submit_with(database, learned)
    painters.remove("packed")
    assert presets.get("packed").bytes == COUNTED


def submit_with(database: Database, painter: PresetPainter) -> None:
    """Submit a transfer that a painter paints."""
    style = StoredStyle("packed", 1.0, 1.0, (), painter=StoredPainter(painter.blob, painter.sha256))
    request = TransferRequest(StoredImage("content", "c", 64, 64), Painting((style,), TransferOptions()))
    Queue(database, Limits()).submit(Submission(new_id(), request, ""))


def test_it_must_fit_its_caller_s_share(database: Database, blobs: Blobs) -> None:
    presets = Presets(database, blobs, caller_bytes=COUNTED + len(WEIGHTS) - 1)
    with pytest.raises(NoSpace):
        packed(presets)
    assert keys(blobs) == set()
    presets.put_pack("packed", DATA, PACK, owner="somebody")


def test_a_preset_that_was_not_saved_leaves_no_painter(
    presets: Presets, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()

    def full(*args: object) -> None:
        seen.update(keys(blobs))
        raise DatabaseFull("no room")

    monkeypatch.setattr(Presets, "_replace", full)
    with pytest.raises(DatabaseFull):
        packed(presets)
    assert any(key.startswith("painters/") for key in seen)  # which is there before its row
    assert keys(blobs) == set()


def test_its_files_stay_while_the_preset_is_there(
    presets: Presets, database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    painter = packed(presets).painter
    assert painter is not None
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert painter.blob in keys(blobs)
    presets.delete("packed")
    sweep(database, blobs, 0, DAY_S)
    assert painter.blob in keys(blobs)
    end_retention(database)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()


def test_an_onnx_file_is_only_taken_for_the_weights_that_it_is_of(
    presets: Presets, database: Database, blobs: Blobs
) -> None:
    painters, model = PresetPainters(database, blobs), StoredFile("painters/x/painter.onnx", "6" * 64)
    former, row = packed(presets), packed(presets)
    old, new = former.painter, row.painter
    assert old is not None
    assert new is not None
    assert not painters.add_model(former.version, old, model, 3, unclaimed)
    assert not painters.add_model(row.version, old, model, 3, unclaimed)
    change_preset(database, "packed", PresetChanges(name="renamed"))  # while a worker makes the file
    assert painters.add_model(row.version, new, model, 3, unclaimed)
    shown = presets.get("renamed").painter
    assert shown is not None
    assert (shown.onnx, shown.onnx_sha256, shown.bytes, shown.blob) == (model.blob, model.sha256, 3, new.blob)
    presets.delete("renamed")
    assert not painters.add_model(row.version, new, model, 3, unclaimed)
