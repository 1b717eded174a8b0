"""The presets that a new service begins with: saved once, all or none, whoever comes first and whatever breaks."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from front_door import ROOT, eventually, png
from styles.meeting import Together

from service.decoding import files
from service.errors import StorageError
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.schema import MarkRow
from service.styles.preset_changes import PresetChanges, change_preset
from service.styles.preset_files import read_thumbnail
from service.styles.presets import Presets
from service.styles.starters.loading import STARTERS, is_built_in, load
from service.worker.sweep import sweep

NAMES = sorted(starter.name for starter in STARTERS)
FEW = ["ink", "mosaic", "waves"]
PICTURE = png(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))


class SmallBlobs(Blobs):
    """A store that fails after its third file."""

    written = 0

    def put(self, key: str, data: bytes) -> None:
        self.written += 1
        if self.written > 3:
            raise StorageError("the disk is full")
        super().put(key, data)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs((tmp_path / "blobs").as_uri())


@pytest.fixture
def presets(database: Database, blobs: Blobs) -> Presets:
    return Presets(database, blobs)


def test_a_starter_is_built_in_until_somebody_changes_it(database: Database, presets: Presets) -> None:
    (starter,) = [starter for starter in STARTERS if starter.name == "mosaic"]
    presets.put_once("one", [(starter.name, starter.description, [starter.image()])])
    presets.put("own", starter.description, [starter.image()])
    assert [(row.name, is_built_in(row)) for row in presets.page("", 9)] == [("mosaic", True), ("own", False)]
    for changes in (PresetChanges(options={"seed": 1}), PresetChanges(description="ours"), PresetChanges("renamed")):
        assert not is_built_in(change_preset(database, "mosaic", changes))


def names(presets: Presets) -> list[str]:
    return [row.name for row in presets.page("", 100)]


def files_in(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def save(presets: Presets) -> bool:
    """Save starters as `load` does, but fewer and smaller ones."""
    return presets.put_once("few", ((name, "", [StyleImage(files.check_image(PICTURE))]) for name in FEW))


@pytest.mark.slow
def test_a_new_database_gets_all_of_them_with_their_pictures(presets: Presets, blobs: Blobs) -> None:
    load(presets)
    assert names(presets) == NAMES
    load(presets)
    for starter in STARTERS:
        row = presets.get(starter.name)
        assert row.description == starter.description
        assert blobs.get(row.images[0].file.blob) == starter.picture.read_bytes()
        assert read_thumbnail(blobs, row)[:2] == b"\xff\xd8"


def test_a_deleted_one_stays_away(presets: Presets) -> None:
    save(presets)
    for name in FEW:
        presets.delete(name)
    save(presets)
    assert names(presets) == []


def test_presets_that_are_there_are_left_alone_for_good(presets: Presets) -> None:
    presets.put("own", "of an older version", [StyleImage(files.check_image(PICTURE))])
    save(presets)
    assert names(presets) == ["own"]
    presets.delete("own")
    save(presets)
    assert names(presets) == []


def test_presets_that_come_while_they_are_saved_stop_none_and_stay(
    database: Database, presets: Presets, tmp_path: Path
) -> None:
    """Somebody saves two in that second, one of them under the name of a starter."""

    class Slow(Blobs):
        def put(self, key: str, data: bytes) -> None:
            if names(presets) == []:
                for name in ("ink", "own"):
                    presets.put(name, "mine", [StyleImage(files.check_image(PICTURE))])
            super().put(key, data)

    assert save(Presets(database, Slow((tmp_path / "blobs").as_uri())))
    assert names(presets) == sorted([*FEW, "own"])
    assert [presets.get(name).description for name in ("ink", "own", "waves")] == ["mine", "mine", ""]
    assert len(files_in(tmp_path)) == 2 * 4
    assert not save(presets)


def test_a_store_that_fails_in_between_leaves_none_and_the_next_start_saves_all(
    database: Database, presets: Presets, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="full"):
        save(Presets(database, SmallBlobs((tmp_path / "blobs").as_uri())))
    assert names(presets) == []
    assert files_in(tmp_path) == []
    with database.reading() as session:
        assert session.get(MarkRow, "few") is None
    save(presets)
    assert names(presets) == FEW


def test_two_at_once_save_them_once(database: Database, tmp_path: Path) -> None:
    presets = Presets(database, Together((tmp_path / "blobs").as_uri()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        saved = [loading.result(30) for loading in [pool.submit(save, presets) for _ in range(2)]]
    assert sorted(saved) == [False, True]
    assert names(presets) == FEW
    assert len(files_in(tmp_path)) == 2 * len(FEW)  # those of the second are gone again


LOADER = """
import sys, time
from pathlib import Path
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.presets import Presets
from service.styles.starters.loading import load

folder = Path(sys.argv[1])
presets = Presets(Database(f"sqlite:///{folder}/service.db"), Blobs((folder / "blobs").as_uri()))
(folder / sys.argv[2]).touch()
while not (folder / "go").exists():
    time.sleep(0.001)
load(presets)
"""


@pytest.mark.slow
def test_processes_that_load_them_at_once_leave_nothing_that_stops_a_sweep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaders = [subprocess.Popen([sys.executable, "-c", LOADER, tmp_path, f"ready-{i}"], cwd=ROOT) for i in range(3)]
    eventually(lambda: len(list(tmp_path.glob("ready-*"))) == 3, 60, "they did not start")
    (tmp_path / "go").touch()
    assert [loader.wait(60) for loader in loaders] == [0, 0, 0]
    assert len(files_in(tmp_path)) == 2 * len(STARTERS)
    for path in files_in(tmp_path):
        os.utime(path, (1000, 1000))
    with closing(Database(f"sqlite:///{tmp_path}/service.db")) as database:
        sweep(database, Blobs((tmp_path / "blobs").as_uri()), 0, 1000)
    assert "nothing is swept up" not in caplog.text
    assert len(files_in(tmp_path)) == 2 * len(STARTERS) + 1  # and the id
