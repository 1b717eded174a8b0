"""The end of a learning: its painter is stored first, and judged afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from jobs.submitting import claimed, submit

from service.decoding.files import check_image
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import StoredStyle
from service.jobs.tasks import LearnTask
from service.machine.memory import MIB, Capacity
from service.painting.stylist import Stylist
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.pictures import StoredImage
from service.storage.records import PresetPainter
from service.styles.preset_painters import PresetPainters
from service.styles.presets import Presets
from service.worker import learn
from service.worker.learn import LearnRun
from service.worker.reporter import Reporter

pytestmark = pytest.mark.slow

STYLE = png(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture(scope="module")
def stylist(narrow_model: Path) -> Stylist:
    blobs = Blobs("memory:///")
    return Stylist(narrow_model, blobs, device="cpu", precision="float32", threads=1, gram_memory=MIB)


@pytest.fixture
def presets(database: Database, tmp_path: Path) -> Presets:
    return Presets(database, Blobs((tmp_path / "blobs").as_uri()))


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, Limits())


@pytest.fixture
def run(presets: Presets, queue: Queue, database: Database, stylist: Stylist, tmp_path: Path) -> LearnRun:
    """A claimed learning of a step or two for the preset "taught"."""
    blobs, leases = Blobs((tmp_path / "blobs").as_uri()), Leases(database, 60)
    row, _ = presets.put("taught", "", [StyleImage(check_image(STYLE))])
    task = LearnTask(StoredStyle("taught", 1.0, 1.0, row.images), row.version, 64, 0.0001)
    new = Submission(new_id(), task, "")
    PresetPainters(database, blobs).begin("taught", lambda session, _: queue.submit_in(session, new).id)
    claim = claimed(leases)
    reporter = Reporter(leases, blobs, claim, lambda: False, 60)
    return LearnRun(leases, blobs, Capacity(None, "float32"), claim, reporter, stylist)


def painter_of(presets: Presets) -> PresetPainter:
    painter = presets.get("taught").painter
    assert painter is not None
    return painter


def test_jobs_that_come_while_it_is_judged_wait_for_its_end(
    run: LearnRun, presets: Presets, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = Stylist.score

    def score_late(*args: Any) -> Any:
        assert painter_of(presets).judged == {}  # it is there already
        submit(queue)
        return score(*args)

    monkeypatch.setattr(Stylist, "score", score_late)
    monkeypatch.setattr(learn, "LOOK_S", 0.0)
    monkeypatch.setattr(learn, "PATIENCE_S", 0.0)
    run.carry_out()
    assert queue.get(run.claim.id).status == "succeeded"
    assert set(painter_of(presets).judged) == {"painter", "optimizer"}


def test_a_painter_that_can_not_be_judged_is_there(
    run: LearnRun, presets: Presets, queue: Queue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(Stylist, "transfer", fail)
    run.carry_out()
    assert queue.get(run.claim.id).status == "succeeded"
    assert painter_of(presets).judged == {}
    assert "its painter was not judged" in caplog.text


def test_it_leaves_out_what_does_not_fit_into_memory(
    run: LearnRun, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    grams = Stylist.grams

    def counted(self: Stylist, styles: Any, at: list[int], *more: Any) -> Any:
        sizes.extend(at)
        return grams(self, styles, at, *more)

    monkeypatch.setattr(Stylist, "grams", counted)
    monkeypatch.setattr(learn, "grams_fit", lambda styles, size, capacity: size < 128)
    monkeypatch.setattr(learn, "judging_fits", lambda styles, size, capacity: False)
    run.carry_out()
    assert set(sizes) == {32, 64}
    assert painter_of(presets).judged == {}


def test_one_with_a_narrow_photograph_from_an_earlier_version_fails_at_once(run: LearnRun, queue: Queue) -> None:
    run.claim.request["photos"] = [StoredImage("jobs/x/photo-0", "s", 3000, 80).to_json()]
    run.carry_out()
    error = queue.get(run.claim.id).error
    assert error is not None and error["errors"][0]["loc"] == "photos.0"


def test_another_painter_does_not_get_its_judgement(run: LearnRun, presets: Presets, database: Database) -> None:
    painters, row = PresetPainters(database, run.blobs), presets.get("taught")
    assert painters.put(row.version, run.claim.id, PresetPainter("painters/other/weights"))
    painters.judge(row.version, painter_of(presets), {"painter": {}})
    painters.judge(row.version, PresetPainter(f"painters/{run.claim.id}/weights"), {"optimizer": {}})
    assert painter_of(presets).judged == {"painter": {}}
