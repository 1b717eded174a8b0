"""What attempts at a job leave in its folder: the newest checkpoint and previews, however the attempts ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from jobs.stepped import State
from jobs.submitting import RESULT, claimed, submit

from service.jobs.leases import LeaseLost, Leases
from service.jobs.queue import Queue
from service.jobs.request import job_blob, job_folder
from service.machine.memory import Capacity
from service.storage.blobs import Blobs
from service.storage.records import DonePicture, JobCheckpoint, JobProgress
from service.worker.checkpoints import read_checkpoint
from service.worker.job import JobRun
from service.worker.reporter import Reporter, Stopping


@dataclass(eq=False)
class OneStep(JobRun):
    """A job that takes one step in each attempt, and gives way after it until its last."""

    last: int

    def work(self) -> None:
        step = (read_checkpoint(self.blobs, self.claim, int) or 0) + 1
        self.reporter.on_progress(State(step))
        if step < self.last:
            raise Stopping
        self.leases.succeed(self.claim, RESULT)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


def attempt(leases: Leases, blobs: Blobs, last: int = 100) -> OneStep:
    claim = claimed(leases)
    return OneStep(
        leases, blobs, Capacity(None, "float32"), claim, Reporter(leases, blobs, claim, lambda: False, 60), last
    )


def files_of(tmp_path: Path, id: str) -> list[str]:
    return sorted(path.name for path in (tmp_path / "blobs" / job_folder(id)).iterdir())


def test_a_job_that_gives_way_again_and_again_keeps_one_checkpoint(
    queue: Queue, leases: Leases, blobs: Blobs, tmp_path: Path
) -> None:
    id = submit(queue)
    for _ in range(5):
        attempt(leases, blobs).carry_out()
    assert files_of(tmp_path, id) == ["checkpoint-5-0", "preview-3.jpg", "preview-4.jpg", "preview-5.jpg"]
    attempt(leases, blobs, last=6).carry_out()
    assert queue.get(id).status == "succeeded"
    assert [name for name in files_of(tmp_path, id) if name.startswith("checkpoint")] == []


def test_what_killed_attempts_left_goes_when_the_next_one_begins(
    queue: Queue, leases: Leases, blobs: Blobs, tmp_path: Path
) -> None:
    """Files that an attempt had written, whole or not, when it was killed before its row named them."""
    id = submit(queue)
    attempt(leases, blobs).carry_out()
    killed = claimed(leases)
    for name in (f"checkpoint-{killed.fence}-0", f"checkpoint-{killed.fence}-1"):
        blobs.put(job_blob(id, name), b"9")
    (tmp_path / "blobs" / job_blob(id, "checkpoint-2-0#1")).write_bytes(b"9")
    leases.give_back(killed)
    run = attempt(leases, blobs)
    run.reporter.tidy()
    assert files_of(tmp_path, id) == ["checkpoint-1-0", "preview-1.jpg"]
    run.carry_out()
    assert blobs.get(job_blob(id, "checkpoint-3-0")) == b"2"


def test_pictures_go_that_an_attempt_had_stored_and_its_row_did_not_name(
    queue: Queue, leases: Leases, blobs: Blobs, tmp_path: Path
) -> None:
    id = submit(queue)
    killed = claimed(leases)
    for name in ("content", "result-1-0.png", "result-1-1.png", "sheet-1.jpg"):
        blobs.put(job_blob(id, name), b"9")
    named = DonePicture(job_blob(id, "result-1-0.png"), "s", 8, 8)
    leases.report(killed, checkpoint=JobCheckpoint(None, JobProgress(), (named,)))
    leases.give_back(killed)
    attempt(leases, blobs).reporter.tidy()
    assert files_of(tmp_path, id) == ["content", "result-1-0.png"]


def test_one_that_has_lost_its_job_removes_nothing_of_the_next(
    queue: Queue, hasty: Leases, leases: Leases, blobs: Blobs, tmp_path: Path
) -> None:
    id = submit(queue)
    attempt(leases, blobs).carry_out()
    late = attempt(hasty, blobs)
    attempt(leases, blobs).carry_out()
    with pytest.raises(LeaseLost):
        late.carry_out()
    assert "checkpoint-3-0" in files_of(tmp_path, id)
    attempt(leases, blobs).carry_out()
    assert blobs.get(job_blob(id, "checkpoint-4-0")) == b"3"
