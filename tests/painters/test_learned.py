"""The end of a learning: its painter is stored, and a comparison with the optimiser follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from jobs.submitting import claimed, submit

from service.decoding.files import check_image, decode
from service.errors import BlobNotFound
from service.jobs import scheduling
from service.jobs.attempts import MAX_ATTEMPTS
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.jobs.request import StoredStyle
from service.jobs.tasks import CompareTask, LearnTask
from service.machine.memory import MIB, Capacity
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.kinds import COMPARE
from service.storage.records import JobUsage, PresetPainter
from service.storage.stored_files import StoredImage
from service.styles.preset_painters import PresetPainters
from service.styles.presets import Presets
from service.worker import compare as module
from service.worker import engine_job, learn, tasks
from service.worker.compare import LOSSES, CompareRun
from service.worker.learn import LearnRun
from service.worker.photographs import HELD_OUT
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


@pytest.fixture
def compare(run: LearnRun) -> Callable[[], CompareRun]:
    """Makes the run of the comparison that follows the learning, once that has ended."""

    def claim() -> CompareRun:
        claim = claimed(run.leases)
        assert claim.kind == COMPARE
        reporter = Reporter(run.leases, run.blobs, claim, lambda: False, 60)
        return CompareRun(run.leases, run.blobs, run.capacity, claim, reporter, run.stylist)

    return claim


def test_a_learning_ends_with_its_painter_which_is_judged_afterwards(
    run: LearnRun, compare: Callable[[], CompareRun], presets: Presets, queue: Queue, tmp_path: Path
) -> None:
    run.photos = tmp_path / "photos"
    run.photos.mkdir()
    for k in range(HELD_OUT):
        (run.photos / f"{k}.png").write_bytes(STYLE)
    run.carry_out()
    assert queue.get(run.claim.id).status == "succeeded"
    assert painter_of(presets).judged == {}
    comparison = compare()
    (photo,) = CompareTask.from_json(comparison.claim.request).photos  # that it didn't learn from
    assert (photo.width, photo.height) == decode(run.blobs.get(photo.blob)).shape[:2] == (64, 64)
    learned = queue.get(run.claim.id)
    alone = learned.usage or JobUsage()
    comparison.carry_out()
    compared = queue.get(comparison.claim.id)
    both = alone + (compared.usage or JobUsage())
    assert compared.cost / 3 < (compared.evaluated or 0.0) <= compared.cost
    new_styles = alone.megapixel_evaluations - (learned.evaluated or 0.0)
    assert learned.cost == pytest.approx(new_styles + compared.cost, abs=0.003)  # and so many minutes
    assert queue.get(run.claim.id).usage == both != alone
    with pytest.raises(BlobNotFound):
        run.blobs.get(photo.blob)
    assert queue.get(comparison.claim.id).preview is None
    assert not list(run.blobs.listing(f"jobs/{comparison.claim.id}"))  # nor previews, which nobody would see
    judged = painter_of(presets).judged
    assert set(judged) == {"painter", "optimizer"}
    assert all(set(losses) == set(LOSSES) for losses in judged.values())
    assert judged["optimizer"]["total"] < judged["painter"]["total"]


def test_it_gives_way_and_goes_on_where_it_was(
    run: LearnRun,
    compare: Callable[[], CompareRun],
    presets: Presets,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    methods, transfer = list[str](), Stylist.transfer

    def transfer_beside_others(self: Stylist, order: Order, *args: Any) -> Any:
        methods.append(order.options.method)
        if len(methods) == 2:
            submit(queue)
        return transfer(self, order, *args)

    monkeypatch.setattr(Stylist, "transfer", transfer_beside_others)
    monkeypatch.setattr(engine_job, "LOOK_S", 0.0)
    monkeypatch.setattr(scheduling, "PATIENCE_S", 0.0)
    run.carry_out()
    compare().carry_out()
    assert painter_of(presets).judged == {}
    run.leases.cancel(claimed(run.leases))
    compare().carry_out()
    assert methods == ["painter", "optimize", "optimize", "painter", "optimize"]
    assert set(painter_of(presets).judged) == {"painter", "optimizer"}


def test_a_painter_that_can_not_be_judged_is_there(run: LearnRun, presets: Presets, queue: Queue) -> None:
    run.carry_out()
    hasty = Leases(run.leases.database, lease_s=-1)
    (comparison,) = {claimed(hasty).id for _ in range(MAX_ATTEMPTS)}  # by workers that die
    assert hasty.claim("host:1", {}) is None
    assert queue.get(comparison).status == "failed"
    learning = queue.get(run.claim.id)
    assert (learning.status, learning.error) == ("succeeded", None)
    assert painter_of(presets).judged == {}


@pytest.mark.parametrize("fits", [True, False])
def test_a_painter_that_is_gone_or_takes_too_much_memory_is_not_judged(
    run: LearnRun, compare: Callable[[], CompareRun], presets: Presets, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    monkeypatch.setattr(Stylist, "transfer", None)  # which would fail
    monkeypatch.setattr(module, "judging_fits", lambda styles, size, capacity: fits)
    run.carry_out()
    if fits:
        PresetPainters(run.leases.database, run.blobs).remove("taught")
    comparison = compare()
    comparison.carry_out()
    row = Queue(run.leases.database, Limits()).get(comparison.claim.id)
    assert (row.status, row.error) == ("canceled" if fits else "succeeded", None)


def test_a_comparison_ends_when_its_painter_goes(
    run: LearnRun, compare: Callable[[], CompareRun], queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted, transfer = list[str](), Stylist.transfer

    def transfer_and_remove(self: Stylist, order: Order, *args: Any) -> Any:
        painted.append(order.options.method)
        PresetPainters(run.leases.database, run.blobs).remove("taught")
        return transfer(self, order, *args)

    monkeypatch.setattr(Stylist, "transfer", transfer_and_remove)
    monkeypatch.setattr(tasks, "WANTED_S", 0.0)
    run.carry_out()
    comparison = compare()
    comparison.carry_out()
    assert painted == ["painter"]
    assert queue.get(comparison.claim.id).status == "canceled"


def test_it_leaves_out_what_does_not_fit_into_memory(run: LearnRun, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    grams = Stylist.grams

    def counted(self: Stylist, styles: Any, at: list[int], *more: Any) -> Any:
        sizes.extend(at)
        return grams(self, styles, at, *more)

    monkeypatch.setattr(Stylist, "grams", counted)
    monkeypatch.setattr(learn, "grams_fit", lambda styles, size, capacity: size < 128)
    run.carry_out()
    assert set(sizes) == {32, 64}


def test_one_with_a_narrow_photograph_from_an_earlier_version_fails_at_once(run: LearnRun, queue: Queue) -> None:
    run.claim.request["photos"] = [StoredImage("jobs/x/photo-0", "s", 3000, 80).to_json()]
    run.carry_out()
    error = queue.get(run.claim.id).error
    assert error is not None and error["errors"][0]["loc"] == "photos.0"


def test_another_painter_does_not_get_its_judgement(run: LearnRun, presets: Presets, database: Database) -> None:
    painters, row = PresetPainters(database, run.blobs), presets.get("taught")
    hold = partial(run.leases.hold, claim=run.claim)
    assert painters.put(row.version, run.claim.id, PresetPainter("painters/other/weights"), hold)
    painters.judge(row.version, painter_of(presets), {"painter": {}})
    painters.judge(row.version, PresetPainter(f"painters/{run.claim.id}/weights"), {"optimizer": {}})
    assert painter_of(presets).judged == {"painter": {}}
