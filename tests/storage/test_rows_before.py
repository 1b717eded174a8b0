"""Rows of the version before, and of versions after, through the dataclasses that read and write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from storage.before import JOBS, PRESETS, insert_rows, job

from service.config import Settings
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission
from service.jobs.request import ScoreRequest, TransferRequest
from service.jobs.resource import transfer_resource
from service.jobs.tasks import PackTask, WarmTask
from service.storage.database import Database
from service.storage.json_text import read_json
from service.storage.lanes import PAINT
from service.storage.preset_schema import PresetRow
from service.storage.records import (
    JobCheckpoint,
    JobProgress,
    PaintedPicture,
    PresetPack,
    Preview,
    ScoreResult,
    TransferResult,
    Warming,
)
from service.storage.schema import JobRow
from service.worker.process import Worker

PACK_TASK = {**job("warm", "queued")["request"], "version": "v", "description": "d", "thumbnail": "t"}
PACK_TASK.pop("sizes")


def found(column: str, of: list[dict[str, Any]] = JOBS) -> list[dict[str, Any]]:
    """Return the values of a column that aren't NULL."""
    values = [row[column] for row in of if row[column] is not None]
    assert values
    return values


def requests(kind: str) -> list[dict[str, Any]]:
    return [row["request"] for row in JOBS if row["kind"] == kind]


def without_new_options(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if (name, value) != ("method", "optimize")}


def as_stored(json_: Any) -> Any:
    """JSON after its way through a database, without what the version before hadn't got."""
    return json.loads(json.dumps(json_), object_hook=without_new_options)


@pytest.mark.parametrize(
    ("record", "stored"),
    [
        (TransferRequest, requests("transfer")),
        (ScoreRequest, requests("score")),
        (WarmTask, requests("warm")),
        (PackTask, [PACK_TASK]),
        (JobProgress, [progress for progress in found("progress") if len(progress) > 1]),
        (Preview, found("preview")),
        (TransferResult, [row["result"] for row in JOBS if row["kind"] == "transfer" and row["result"]]),
        (ScoreResult, [job("score", "succeeded")["result"]]),
        (PresetPack, found("pack", PRESETS)),
        (Warming, found("warm", PRESETS)),
    ],
)
def test_what_the_version_before_wrote_is_written_again_as_it_was(record: Any, stored: list[dict[str, Any]]) -> None:
    for one in stored:
        assert as_stored(record.from_json(one).to_json()) == one
        later = one | {"glitter": {"of": "a later version"}}
        assert record.from_json(later) == record.from_json(one)


def test_a_checkpoint_of_the_version_before_says_the_same_and_the_event_of_its_progress() -> None:
    (stored,) = found("checkpoint")
    assert stored["blob"]
    assert len(stored["done"]) == 1
    again = as_stored(JobCheckpoint.from_json(stored).to_json())
    assert again.pop("progress") == stored["progress"] | {"event": 0}
    assert again == {"blob": stored["blob"], "done": stored["done"], "fence": 0}


def test_rows_that_lack_keys_get_the_defaults() -> None:
    assert JobProgress.from_json({"event": 3}) == JobProgress(event=3)
    assert JobCheckpoint.from_json({"blob": None}) == JobCheckpoint()
    picture = {"blob": "jobs/1/output", "sha256": "s", "width": 4, "height": 3}
    result = TransferResult.from_json(picture | {"iterations": 7, "sheet": "jobs/1/sheet"})
    assert result.pictures == (PaintedPicture("jobs/1/output", "s", 4, 3, iterations=7),)
    assert (result.iterations, result.sheet and result.sheet.blob, result.sheet and result.sheet.sha256) == (
        7, "jobs/1/sheet", "",
    )  # fmt: skip


def test_a_variant_shares_what_it_has_in_common_with_the_request_and_no_more() -> None:
    stored = job("transfer", "succeeded")["request"]
    request = TransferRequest.from_json(stored)
    first, second = request.variants
    assert first.styles is second.styles is request.base.styles
    assert (first.options.seed, request.base.options.seed) == (1, 0)
    bare = {name: value for name, value in stored["variants"][0].items() if name != "protect"}
    assert TransferRequest.from_json(stored | {"variants": [bare]}).variants[0].protect is None


def test_the_database_gives_records_and_takes_them_back_as_they_were(tmp_path: Path) -> None:
    insert_rows(tmp_path)
    database = Database(f"sqlite:///{tmp_path}/service.db")
    with database.writing() as session:
        running = session.scalars(select(JobRow).where(JobRow.status == "running")).one()
        preset = session.get_one(PresetRow, ("default", "two"))
        assert preset.warm is not None
        before = running.checkpoint, preset.images, preset.warm
        running.checkpoint, preset.images, preset.warm = (
            JobCheckpoint.from_json(job("transfer", "running")["checkpoint"]),
            tuple(preset.images),
            Warming(preset.warm.job, preset.warm.sizes),
        )
    assert Leases(database, 60).claim("host:2", {}, PAINT) is None  # rows without a lane need the model
    claim = Leases(database, 60).claim("host:1", {})
    assert claim is not None
    assert (claim.id, claim.checkpoint) == (running.id, before[0])
    with database.reading() as session:
        again = session.get_one(PresetRow, ("default", "two"))
        assert (again.images, again.warm) == before[1:]
    database.close()


@pytest.mark.slow
def test_a_transfer_with_options_of_another_version_is_shown_and_fails_by_their_names(
    narrow_model: Path, tmp_path: Path
) -> None:
    worker = Worker(Settings(data=tmp_path, model=narrow_model), lambda: False)
    queue = Queue(worker._database, Limits())
    stored = job("transfer", "queued", 1)["request"]
    changed = {
        "later": ("glitter", 1),
        "named-as-a-method": ("check", [2]),
        "named-as-a-property": ("layers", 5),
        "named-as-a-key": ("styles", "all"),
        "refused": ("size", 8000),
    }
    for id, (option, value) in changed.items():
        request = TransferRequest.from_json(stored | {"options": stored["options"] | {option: value}})
        queue.submit(Submission(id, request))
        assert as_stored(request.to_json())["options"] == stored["options"] | {option: value}
    shown = {id: transfer_resource(queue.get(id))["options"] for id in changed}
    worker.work_off()
    for id, (option, value) in changed.items():
        error = queue.get(id).error
        assert error is not None
        assert [field["loc"] for field in error["errors"]] == [option]
        assert shown[id][option] == transfer_resource(queue.get(id))["options"][option]
        assert shown[id][option] == value or (option == "styles" and shown[id]["styles"][0]["weight"])


@pytest.mark.parametrize("text", ['{"a": [1, 2.5, null, "é"]}', '{"a": 9223372036854775807}', '["\\ud800"]', "[NaN]"])
def test_json_columns_are_parsed_as_the_standard_library_does(text: str) -> None:
    assert repr(read_json(text)) == repr(json.loads(text))
