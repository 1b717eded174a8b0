"""The painters that the starters come with: each is given once, and only to a starter that nobody changed."""

from __future__ import annotations

import concurrent.futures
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from styles.meeting import Together

from service.decoding import files
from service.errors import ModelUnavailable, NotFound, StorageError
from service.painters.shape import parameter_shapes
from service.painters.starters import load
from service.painters.weights import PainterWeights
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PresetPainter
from service.styles.preset_painters import PackedPainter, PresetPainters
from service.styles.presets import Presets
from service.styles.starters.loading import FOLDER, STARTERS, Starter

MODEL = "ab" * 32
NAMES = ["ink", "mosaic", "waves"]
LEARNED = [starter for starter in STARTERS if starter.painter.exists()]
not_learned = pytest.mark.skipif(not LEARNED, reason="no starter has a painter yet: make painters")


class FailingBlobs(Blobs):
    """A store that fails after the first painter."""

    written = 0

    def put(self, key: str, data: bytes) -> None:
        if key.startswith("painters/"):
            self.written += 1
        if self.written > 1:
            raise StorageError("the disk is full")
        super().put(key, data)


def weights(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    arrays = {name: random.normal(0, 0.1, shape).astype(np.float32) for name, shape in parameter_shapes().items()}
    return PainterWeights.of(arrays, 512, MODEL).to_bytes()


@pytest.fixture(scope="module")
def starters(tmp_path_factory: pytest.TempPathFactory) -> list[Starter]:
    """Three starters with small pictures, and painters of random weights."""
    folder = tmp_path_factory.mktemp("starters")
    found = [replace(starter, folder=folder) for starter in STARTERS if starter.name in NAMES]
    for seed, starter in enumerate(found):
        starter.picture.write_bytes(png(np.full((40, 40, 3), seed, np.uint8)))
        starter.painter.write_bytes(weights(seed))
    return found


@pytest.fixture
def presets(database: Database, blobs: Blobs, starters: Sequence[Starter]) -> Presets:
    """The starters, saved as a service does that knows no painters."""
    presets = Presets(database, blobs)
    assert presets.put_once("few", ((starter.name, starter.description, [starter.image()]) for starter in starters))
    return presets


@pytest.fixture
def painters(database: Database, blobs: Blobs) -> PresetPainters:
    return PresetPainters(database, blobs)


def give(painters: PresetPainters, starters: Sequence[Starter], model: str = MODEL) -> None:
    load(painters, lambda: model, starters)


def with_painters(presets: Presets) -> list[str]:
    return [row.name for row in presets.page("", 100) if row.painter]


def painter_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs" / "painters").rglob("*") if path.is_file()]


def test_starters_get_the_painters_that_come_with_them(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter]
) -> None:
    give(painters, starters)
    for starter in starters:
        row = presets.get(starter.name)
        assert row.painter is not None
        assert painters.weights(row.painter) == starter.painter.read_bytes()
        assert (row.painter.size, row.painter.model, row.bytes) == (512, MODEL, 0)


def test_the_model_is_not_asked_for_once_all_have_theirs(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter], tmp_path: Path
) -> None:
    give(painters, starters)

    def unknown() -> str:
        raise ModelUnavailable("nobody knows")

    load(painters, unknown, starters)
    assert len(painter_files(tmp_path)) == len(NAMES)
    with pytest.raises(ModelUnavailable):
        load(painters, unknown, [*starters, replace(starters[0], name="other", folder=_with_file(tmp_path))])


def _with_file(folder: Path) -> Path:
    (folder / "other.safetensors").touch()
    return folder


def test_a_painter_that_was_deleted_stays_away(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter]
) -> None:
    give(painters, starters)
    painters.remove("mosaic")
    give(painters, starters)
    assert with_painters(presets) == ["ink", "waves"]


def test_a_starter_that_was_deleted_or_changed_gets_none(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter], tmp_path: Path
) -> None:
    image = StyleImage(files.check_image(png(np.full((40, 40, 3), 99, np.uint8))))
    presets.delete("ink")
    presets.put("mosaic", presets.get("mosaic").description, [image])
    presets.put("waves", "of our own", [starters[-1].image()])
    give(painters, starters)
    assert with_painters(presets) == []
    assert painter_files(tmp_path) == []


def test_a_starter_at_another_scale_gets_none(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter]
) -> None:
    changed = StyleImage(starters[0].image().file, scale=2.0)
    presets.put(starters[0].name, starters[0].description, [changed])
    give(painters, starters)
    assert starters[0].name not in with_painters(presets)


def test_a_painter_of_its_own_is_not_replaced(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter]
) -> None:
    own = PackedPainter(b"own", PresetPainter(sha256="0"))
    assert painters.put_once("own", "ink", own, lambda row: True)
    painters.begin("mosaic", lambda session, row: "a-learning")
    give(painters, starters)
    assert with_painters(presets) == ["ink", "waves"]
    painter = presets.get("ink").painter
    assert painter is not None
    assert painter.sha256 == "0"
    assert presets.get("mosaic").learning == "a-learning"


def test_a_painter_of_another_model_waits_for_its_model(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter], tmp_path: Path
) -> None:
    give(painters, starters, "cd" * 32)
    assert with_painters(presets) == []
    assert painter_files(tmp_path) == []
    give(painters, starters)
    assert with_painters(presets) == NAMES


def test_a_file_that_is_missing_or_broken_leaves_the_others_theirs(
    presets: Presets,
    painters: PresetPainters,
    starters: Sequence[Starter],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "starters"
    shutil.copytree(starters[0].folder, folder)
    moved = [replace(starter, folder=folder) for starter in starters]
    (folder / "ink.safetensors").unlink()
    (folder / "mosaic.safetensors").write_bytes(b"no painter")
    give(painters, moved)
    assert with_painters(presets) == ["waves"]
    assert "mosaic.safetensors can't be used" in caplog.text
    give(painters, starters)
    assert with_painters(presets) == NAMES


def test_a_store_that_fails_in_between_is_tried_again(
    database: Database, presets: Presets, starters: Sequence[Starter], tmp_path: Path
) -> None:
    store = (tmp_path / "blobs").as_uri()
    with pytest.raises(StorageError, match="full"):
        give(PresetPainters(database, FailingBlobs(store)), starters)
    assert len(with_painters(presets)) == len(painter_files(tmp_path)) == 1
    give(PresetPainters(database, Blobs(store)), starters)
    assert with_painters(presets) == NAMES


def test_two_at_once_give_each_painter_once(
    database: Database, presets: Presets, starters: Sequence[Starter], tmp_path: Path
) -> None:
    painters = PresetPainters(database, Together((tmp_path / "blobs").as_uri()))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for loading in [pool.submit(give, painters, starters) for _ in range(2)]:
            loading.result(30)
    kept = [presets.get(name).painter for name in NAMES]
    assert {tmp_path / "blobs" / painter.blob for painter in kept if painter} == set(painter_files(tmp_path))
    assert len(painter_files(tmp_path)) == len(NAMES)


def test_a_preset_that_is_deleted_takes_its_painter_along(
    presets: Presets, painters: PresetPainters, starters: Sequence[Starter]
) -> None:
    give(painters, starters)
    presets.delete("ink")
    with pytest.raises(NotFound):
        painters.remove("ink")
    give(painters, starters)
    assert with_painters(presets) == ["mosaic", "waves"]


def test_the_files_that_are_committed_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) <= 16_000_000


@not_learned
def test_the_files_that_are_committed_are_painters_for_one_model() -> None:
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == {starter.name for starter in STARTERS}
    learned = [PainterWeights.from_bytes(starter.painter.read_bytes()) for starter in STARTERS]
    assert {weights.size for weights in learned} == {512}
    assert len({weights.model for weights in learned}) == 1
