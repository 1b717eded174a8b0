"""What the sweep leaves and removes of presets, their former states, painters and packs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from front_door import png
from jobs.submitting import unclaimed
from styles.pack_files import some_pack
from sweep.swept import DAY_S, age, end_retention, keys, left_over, saved, submit

from service.decoding.files import check_image
from service.errors import DatabaseFull, NotFound, Overtaken
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.jobs.tasks import LearnTask, PackTask, WarmTask
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.quota import bytes_of
from service.storage.records import PresetPainter
from service.storage.stored_files import StoredImage, StoredPainter
from service.styles import preset_versions
from service.styles.preset_files import digest_key, pack_key, save_pack
from service.styles.preset_painters import PresetPainters, painter_blob
from service.styles.preset_versions import PresetVersions
from service.styles.presets import Presets
from service.worker import sweep_plan
from service.worker.sweep import sweep


def test_a_presets_files_stay_while_it_or_an_unfinished_job_needs_them(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, queue = Presets(database, blobs), Queue(database, Limits())
    picture = check_image(png(np.zeros((20, 20, 3), np.uint8)))
    old, _ = presets.put("replaced", "", [StyleImage(picture)])
    unused, _ = presets.put("deleted", "", [StyleImage(picture)])
    queue.submit(Submission("job", PackTask(StoredStyle("replaced", 1.0, 1.0, old.images), old.version, "", None)))
    new, _ = presets.put("replaced", "", [StyleImage(picture)])
    presets.delete("deleted")
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {old.version, unused.version, new.version}

    def counted() -> int:
        with database.reading() as session:
            return bytes_of(session, "")["left"]

    end_retention(database)
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {old.images[0].file.blob.split("/")[1], new.version}
    assert counted() == old.bytes
    assert unused.version not in {old.version, new.version}
    queue.cancel("job")
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs)} == {new.version}
    assert counted() == 0


def test_a_painter_s_files_stay_while_its_preset_or_an_unfinished_job_needs_them(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, painters, queue = Presets(database, blobs), PresetPainters(database, blobs), Queue(database, Limits())
    row, _ = presets.put("taught", "", [StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))])
    style = StoredStyle("taught", 1.0, 1.0, row.images, painter=StoredPainter(painter_blob("used", "weights")))
    content = StoredImage("jobs/waiting/content", "c", 20, 20)
    waiting = Submission("waiting", TransferRequest(content, Painting((style,))))
    for job in ("replaced", "used", "newest"):
        blobs.put(painter_blob(job, "weights"), bytes(9))
        painters.begin("taught", lambda _, __, job=job: job)  # type: ignore[misc]
        assert painters.put(row.version, job, PresetPainter(painter_blob(job, "weights")), unclaimed)
        if job == "used":
            queue.submit(waiting)
    with pytest.raises(Overtaken, match="was removed meanwhile"):
        queue.submit(replace(waiting, id="late"))
    age(tmp_path)
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs) if key.startswith("painters/")} == {"used", "newest"}
    queue.cancel("waiting")
    presets.delete("taught")
    sweep(database, blobs, 0, DAY_S)
    assert {key.split("/")[1] for key in keys(blobs) if key.startswith("painters/")} == {"newest"}
    end_retention(database)
    sweep(database, blobs, 0, DAY_S)
    assert not any(key.startswith("painters/") for key in keys(blobs))


def test_tasks_that_no_preset_names_are_canceled(database: Database, blobs: Blobs) -> None:
    presets, painters, queue = Presets(database, blobs), PresetPainters(database, blobs), Queue(database, Limits())
    leases = Leases(database, 60)
    row, _ = presets.put("taught", "", [StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))])
    style = StoredStyle("taught", 1.0, 1.0, row.images)
    learn = LearnTask(style, row.version, 64, 1440.0)
    queue.submit(Submission("running", learn))
    assert leases.claim("host:1", {})
    painters.begin("taught", lambda session, _: queue.submit_in(session, Submission("named", learn)).id)
    queue.submit(Submission("learning", learn))
    queue.submit(Submission("warming", WarmTask(style, (64,))))
    submit(database, "transfer")
    sweep(database, blobs, 0, DAY_S)
    assert {id: queue.get(id).status for id in ("named", "learning", "warming", "transfer", "running")} == {
        "named": "queued",
        "learning": "canceled",
        "warming": "canceled",
        "transfer": "queued",
        "running": "running",
    }
    assert queue.get("running").cancel_requested


def test_a_painter_of_a_preset_that_changed_is_not_taken(database: Database, blobs: Blobs) -> None:
    presets, painters = Presets(database, blobs), PresetPainters(database, blobs)
    style = StyleImage(check_image(png(np.zeros((20, 20, 3), np.uint8))))
    row, _ = presets.put("taught", "", [style])
    painters.begin("taught", lambda _, __: "old")
    assert not painters.put(row.version, "another", PresetPainter("painters/another/weights"), unclaimed)
    presets.put("taught", "", [style])
    assert not painters.put(row.version, "old", PresetPainter("painters/old/weights"), unclaimed)
    assert presets.get("taught").painter is None
    presets.delete("taught")
    assert not painters.put(row.version, "old", PresetPainter("painters/old/weights"), unclaimed)


def test_packs_that_workers_made_count_as_grams_and_packs_that_presets_came_as_stay(
    database: Database, blobs: Blobs, tmp_path: Path
) -> None:
    presets, pack = Presets(database, blobs), some_pack()
    oldest, newest = saved(presets, 2)
    presets.put_pack("came", pack.to_bytes(), pack)
    presets.delete("style-0")  # a former state keeps its files, but for a pack that can be made again
    kept = keys(blobs)
    packs = [pack_key(version, pack.model) for version in (oldest, newest)]
    for made, version in enumerate((oldest, newest)):
        save_pack(blobs, version, pack)
        blobs.put(f"grams/{made}", bytes(100))
        for key in (packs[made], f"grams/{made}"):
            os.utime(tmp_path / "blobs" / key, (1000 + made, 1000 + made))
    sweep(database, blobs, len(pack.to_bytes()) + 100, DAY_S)
    assert keys(blobs) == kept | {packs[1], digest_key(packs[1]), "grams/1"}
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == kept


@pytest.mark.slow
def test_many_presets_may_be_deleted_at_once(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    presets = Presets(database, blobs)
    saved(presets, 30)
    sweep(database, blobs, 0, DAY_S)
    for i in range(30):
        presets.delete(f"style-{i}")
    age(tmp_path)
    end_retention(database)
    sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()


def test_former_states_stay_where_nothing_may_be_swept_up(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    presets, versions = Presets(database, blobs), PresetVersions(database, float("inf"))
    saved(presets, 1)
    presets.delete("style-0")
    left_over(blobs, 2 * sweep_plan.MANY)  # as if the files belonged to another database
    age(tmp_path)
    end_retention(database)
    before = keys(blobs)
    sweep(database, blobs, 0, DAY_S)
    assert len(versions.former("style-0")) == 1
    assert keys(blobs) == before


def test_the_files_of_expired_states_go_though_the_disk_is_too_full_to_remove_rows(
    database: Database, blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DatabaseFull("no room")

    presets, versions = Presets(database, blobs), PresetVersions(database, float("inf"))
    saved(presets, 1)
    presets.delete("style-0")
    age(tmp_path)
    end_retention(database)
    monkeypatch.setattr(preset_versions, "forget_expired", fails)
    with pytest.raises(DatabaseFull):
        sweep(database, blobs, 0, DAY_S)
    assert keys(blobs) == set()
    monkeypatch.undo()
    sweep(database, blobs, 0, DAY_S)
    with pytest.raises(NotFound):
        versions.former("style-0")
