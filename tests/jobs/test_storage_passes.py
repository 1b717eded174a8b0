"""A storage or machine that fails for a while ends an attempt, but neither the job nor what it has reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from front_door import png
from jobs.submitting import RESULT, claimed, submit

from service.decoding import files
from service.decoding.decoders import DECODERS
from service.engine.checkpoint import UnusableCheckpoint
from service.errors import StorageError, Unavailable
from service.jobs.attempts import MAX_ATTEMPTS
from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.machine.memory import Capacity
from service.pictures.images import digest
from service.storage.blobs import Blobs
from service.storage.records import JobCheckpoint, JobProgress
from service.storage.stored_files import StoredFile
from service.worker.checkpoints import read_checkpoint
from service.worker.job import JobRun
from service.worker.reporter import Reporter

PICTURE = png(np.zeros((32, 32, 3), np.uint8))
PHOTO, KEPT = StoredFile("photo", digest(b"photo")), "checkpoint"


@dataclass(eq=False)
class Reading(JobRun):
    """A job that goes on at its checkpoint, reads a photograph, and succeeds."""

    def work(self) -> None:
        assert read_checkpoint(self.blobs, self.claim, bytes) == b"reached"
        self.read(PHOTO)
        self.leases.succeed(self.claim, RESULT)


@dataclass(eq=False)
class Decoding(JobRun):
    """A job that decodes a picture, and succeeds."""

    def work(self) -> None:
        files.decode(PICTURE, self.on_tick)
        self.leases.succeed(self.claim, RESULT)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def blobs(folder: Path) -> Blobs:
    """The files of a job: a photograph and a checkpoint."""
    blobs = Blobs(folder.as_uri())
    blobs.put(PHOTO.blob, b"photo")
    blobs.put(KEPT, b"reached")
    return blobs


@pytest.fixture
def run(queue: Queue, leases: Leases, blobs: Blobs) -> JobRun:
    """A job that has a checkpoint, in the hands of its second worker."""
    submit(queue)
    before = claimed(leases)
    leases.report(before, checkpoint=JobCheckpoint(KEPT, JobProgress(5, 0.5)))
    leases.give_back(before)
    return run_of(leases, blobs)


def run_of(leases: Leases, blobs: Blobs, kind: type[JobRun] = Reading) -> JobRun:
    claim = claimed(leases)
    reporter = Reporter(leases, blobs, claim, lambda: False, 60)
    return kind(leases, blobs, Capacity(None, "float32"), claim, reporter)


def make_unreadable(file: Path) -> None:
    """Put a link to itself in place of a file: it is there, but can't be opened."""
    file.rename(file.with_suffix(".aside"))
    file.symlink_to(file)


@pytest.mark.parametrize("name", [PHOTO.blob, KEPT])
def test_a_file_that_can_t_be_read_now_ends_the_attempt_alone(
    queue: Queue, hasty: Leases, run: JobRun, folder: Path, name: str
) -> None:
    make_unreadable(folder / name)
    with pytest.raises(StorageError, match=f"{name} could not be read"):
        run.carry_out()
    job = queue.get(run.claim.id)
    assert (job.status, job.attempts) == ("running", 1)
    (folder / name).with_suffix(".aside").replace(folder / name)
    hasty.report(run.claim)  # its lease runs out
    run_of(run.leases, run.blobs).carry_out()
    assert queue.get(run.claim.id).status == "succeeded"


def test_while_no_file_can_be_written_a_job_goes_back_and_the_attempt_does_not_count(
    queue: Queue, run: JobRun, folder: Path
) -> None:
    make_unreadable(folder / PHOTO.blob)
    (folder / "probe").write_text("")  # where a folder belongs
    with pytest.raises(StorageError):
        run.carry_out()
    job = queue.get(run.claim.id)
    assert (job.status, job.attempts) == ("queued", 0)
    assert run.blobs.get(KEPT) == b"reached"


def test_a_picture_that_can_t_be_read_now_ends_the_attempt_and_the_third_one_the_job(
    queue: Queue, hasty: Leases, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the kernel, short of memory, kills each process that reads it."""

    def killed(*args: object) -> NoReturn:
        raise Unavailable("short of memory")

    def attempted(id: str, times: int) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(DECODERS, "run", killed)
            for _ in range(times):
                run_of(hasty, blobs, Decoding).carry_out()
        return queue.get(id).status

    monkeypatch.setattr(files, "RETRY_S", 0.0)
    id = submit(queue)
    assert attempted(id, MAX_ATTEMPTS - 1) == "running"
    run_of(hasty, blobs, Decoding).carry_out()
    assert queue.get(id).status == "succeeded"
    id = submit(queue)
    assert attempted(id, MAX_ATTEMPTS) == "running"
    assert hasty.claim("host:1", {}) is None
    assert queue.get(id).status == "failed"


def test_a_file_that_is_gone_fails_the_job(queue: Queue, run: JobRun) -> None:
    run.blobs.delete(PHOTO.blob)
    run.carry_out()
    job = queue.get(run.claim.id)
    assert job.status == "failed"
    assert job.error
    assert "missing" in job.error["detail"]


def test_a_checkpoint_that_is_gone_or_damaged_makes_a_job_start_anew(run: JobRun) -> None:
    def refuse(data: bytes) -> None:
        raise UnusableCheckpoint("no checkpoint")

    assert read_checkpoint(run.blobs, run.claim, refuse) is None
    run.blobs.delete(KEPT)
    assert read_checkpoint(run.blobs, run.claim, bytes) is None
