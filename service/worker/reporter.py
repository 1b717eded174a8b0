"""Reports of a running job: lease and progress in its row, previews and checkpoints as files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from service.engine.checkpoint import UnusableCheckpoint
from service.errors import BlobNotFound, DatabaseError, StorageError
from service.jobs.leases import Claim, Leases
from service.jobs.request import CHECKPOINT, job_blob
from service.pictures import images
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.storage.records import DonePicture, JobCheckpoint, JobProgress, Preview
from service.storage.typed_json import Json
from service.telemetry.complaints import Complaint
from service.worker.pace import Pace

if TYPE_CHECKING:  # so that painter workers need no torch
    from service.engine.losses import Losses

logger = logging.getLogger(__name__)

T = TypeVar("T")

REPORT_S = 0.25  # seconds between two writes of progress, at least
PREVIEW_S = 2.0  # seconds between two previews of one level, at least
PREVIEW_SIZE, PREVIEW_QUALITY = 512, 80  # pixels on the long edge at most; of a JPEG
RENEW_S = 1.0  # seconds after which a lease is renewed when there is no progress to write; fewer for short leases
CHECKPOINT_S = 4.0  # seconds between two checkpoints, at least; fewer for short leases
SHARE = 0.05  # share of the time that checkpoints may take at most, and previews as well


class Canceled(Exception):
    """The caller canceled the job."""


class Overdue(Exception):
    """The job's deadline has passed."""


class Stopping(Exception):
    """The worker was told to stop: its job goes back to the queue."""


class Report(Protocol):
    """A job's state after a step. The engine's Progress is one, and explains the attributes."""

    @property
    def iteration(self) -> int: ...
    @property
    def fraction(self) -> float: ...
    @property
    def level(self) -> int: ...
    @property
    def losses(self) -> Losses: ...
    @property
    def picture(self) -> Callable[[], Picture]: ...
    @property
    def checkpoint(self) -> Callable[[], Bytes]: ...


class Bytes(Protocol):
    """An object that can be stored as a file."""

    def to_bytes(self) -> bytes: ...


class Reporter:
    """Reports of one job: they keep its lease, write its progress, and raise Canceled, Overdue or Stopping.

    Args:
        stopping: tells whether the worker must stop.
        lease_s: seconds that a lease lasts without a report.

    Attributes:
        stepped: when the job made its last step.
        skipped: share of the job's work that was left out; a learning sets it.
    """

    def __init__(
        self, leases: Leases, blobs: Blobs, claim: Claim, stopping: Callable[[], bool], lease_s: float
    ) -> None:
        self._leases = leases
        self._claim = claim
        self._stopping = stopping
        self._renew_s = min(RENEW_S, lease_s / 20)
        self._pace = Pace()
        self._previews = _Previews(blobs, job_blob(claim.id, f"preview-{claim.fence}.jpg"))
        self._checkpoints = _Checkpoints(blobs, claim, min(CHECKPOINT_S, lease_s / 3))
        self._complaint = Complaint(logger)
        self._newest: Report | None = None
        self._curve: Sequence[Json] = ()
        self._written = time.monotonic()  # when the job was claimed
        self._reported = 0.0
        self.stepped, self.skipped = time.monotonic(), 0.0

    def on_tick(self) -> None:
        """Note a step of the job, and renew its lease in time. Raises Canceled, Overdue, Stopping or LeaseLost."""
        self.stepped = time.monotonic()
        if self._stopping():
            raise Stopping
        if time.monotonic() >= self._written + self._renew_s:
            self._write()

    def on_progress(self, progress: Report, curve: Sequence[Json] = ()) -> None:
        """Write the progress, at most every REPORT_S seconds; `curve` is a learning's.

        Raises Canceled, Overdue or LeaseLost.
        """
        clock = self.stepped = time.monotonic()
        self._newest = progress
        eta = self._pace.seconds_left(progress.fraction, self.skipped)
        preview = self._previews.due(progress)
        if clock < self._reported + REPORT_S and progress.fraction < 1 and not preview:
            return
        self._reported = clock
        self._curve = curve
        job_progress = self._job_progress(progress, eta)
        self._write(
            progress=job_progress,
            preview=self._previews.keep(progress.picture, progress.iteration) if preview else None,
            checkpoint=self._checkpoints.keep(progress, job_progress) if self._checkpoints.due() else None,
        )

    def begin(self, done: Sequence[DonePicture], progress: JobProgress) -> None:
        """Report that these pictures of a job with several are done, and that the next one begins at this progress.

        Raises Canceled, Overdue or LeaseLost.
        """
        begun = replace(progress, losses=done[-1].losses if done else None)
        self._write(progress=begun, checkpoint=self._checkpoints.next_picture(done, begun))
        self._newest = None

    def delivered(self, picture: Picture) -> None:
        """Show a finished picture as the preview; the preview before may be two seconds older.

        Raises Canceled, Overdue or LeaseLost.
        """
        self._write(preview=self.last_preview(picture))

    def last_preview(self, picture: Picture) -> Preview | None:
        """Store a finished picture as the preview, without a report."""
        return self._previews.keep(lambda: picture, self._newest.iteration if self._newest else 0)

    def report_last(self) -> None:
        """Store a last preview and checkpoint before the job is given up.

        Raises LeaseLost.
        """
        if self._newest is not None:
            progress = self._job_progress(self._newest, None)
            preview = self._previews.keep(self._newest.picture, self._newest.iteration)
            checkpoint = self._checkpoints.keep(self._newest, progress)
            self._leases.report(self._claim, progress=progress, preview=preview, checkpoint=checkpoint)

    def remove_checkpoints(self) -> None:
        """Remove the checkpoints of a job that has ended."""
        self._checkpoints.remove()

    def _job_progress(self, progress: Report, eta: float | None) -> JobProgress:
        """Return the progress as the job's row holds it; `eta` is in seconds."""
        losses = vars(progress.losses)
        return JobProgress(progress.iteration, round(progress.fraction, 4), losses, eta, curve=self._curve)

    def _write(
        self,
        progress: JobProgress | None = None,
        preview: Preview | None = None,
        checkpoint: JobCheckpoint | None = None,
    ) -> None:
        self._written = time.monotonic()
        try:
            news = self._leases.report(self._claim, progress=progress, preview=preview, checkpoint=checkpoint)
        except DatabaseError as error:
            self._complaint.say(
                "job %s: its progress could not be written: %s; the work goes on", self._claim.id, error.detail
            )
            return
        self._checkpoints.tidy(checkpoint)
        if news.cancel_requested:
            raise Canceled
        if news.overdue:
            raise Overdue


class _Previews:
    """Previews: a small JPEG of the current picture, overwritten each time."""

    def __init__(self, blobs: Blobs, key: str) -> None:
        self._blobs = blobs
        self._key = key
        self._complaint = Complaint(logger)
        self._level = -1
        self._next = 0.0

    def due(self, progress: Report) -> bool:
        """Return whether it is time for a preview: when a level begins, and every PREVIEW_S seconds."""
        if progress.level == self._level and time.monotonic() < self._next:
            return False
        self._level = progress.level
        return True

    def keep(self, made: Callable[[], Picture], iteration: int) -> Preview | None:
        begun = time.monotonic()
        picture = made()
        if max(picture.shape[:2]) > PREVIEW_SIZE:
            picture = images.resize_long_edge(picture, PREVIEW_SIZE)
        height, width = picture.shape[:2]
        try:
            self._blobs.put(self._key, images.encode(picture, "jpeg", PREVIEW_QUALITY))
        except StorageError as error:
            self._complaint.say("no preview: %s; going on", error.detail)
            return None
        finally:
            ended = time.monotonic()
            self._next = ended + max(PREVIEW_S, (ended - begun) / SHARE)
        return Preview(self._key, iteration, width, height)


class _Checkpoints:
    """Checkpoints: the state from which another worker can continue, overwritten each time.

    At least `pause_s` seconds lie between two of them.
    """

    def __init__(self, blobs: Blobs, claim: Claim, pause_s: float) -> None:
        self._blobs = blobs
        self._pause_s = pause_s
        self._name = job_blob(claim.id, f"{CHECKPOINT}-{claim.fence}")
        self._complaint = Complaint(logger)
        known = claim.checkpoint or JobCheckpoint()
        self._done = known.done
        self._written = {known.blob} if known.blob else set()
        self._next = time.monotonic() + pause_s

    @property
    def _key(self) -> str:
        """Key of this picture's checkpoint. Each picture has its own, so that a row never names another's file."""
        return f"{self._name}-{len(self._done)}"

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def keep(self, progress: Report, job_progress: JobProgress) -> JobCheckpoint | None:
        begun = time.monotonic()
        try:
            self._blobs.put(self._key, progress.checkpoint().to_bytes())
            self._written.add(self._key)
        except StorageError as error:
            self._complaint.say("no checkpoint: %s; going on", error.detail)
            return None
        finally:
            ended = time.monotonic()
            self._next = ended + max(self._pause_s, (ended - begun) / SHARE)
        return JobCheckpoint(self._key, replace(job_progress, eta_seconds=None), self._done)

    def next_picture(self, done: Sequence[DonePicture], progress: JobProgress) -> JobCheckpoint:
        """Return the checkpoint between two pictures of a job, which has no file."""
        self._done = tuple(done)
        return JobCheckpoint(None, progress, self._done)

    def tidy(self, written: JobCheckpoint | None) -> None:
        """Remove the files of earlier checkpoints, once a newer one is in the row."""
        if written:
            self._remove(self._written - {written.blob})

    def remove(self) -> None:
        self._remove(set(self._written))

    def _remove(self, keys: set[str]) -> None:
        for key in keys:
            _try_to_delete(self._blobs, key)
        self._written -= keys


def read_checkpoint(blobs: Blobs, claim: Claim, read: Callable[[bytes], T]) -> T | None:
    """Read the checkpoint of a job; None if there is none or it is gone or damaged, so that the job starts anew.

    Raises StorageError if it can't be read now: it may still be good.
    """
    if claim.checkpoint is None or claim.checkpoint.blob is None:
        return None
    try:
        return read(blobs.get(claim.checkpoint.blob))
    except (BlobNotFound, UnusableCheckpoint):
        logger.exception("job %s: its checkpoint can't be used; starting anew", claim.id)
        return None


def _try_to_delete(blobs: Blobs, key: str) -> None:
    try:
        blobs.delete(key)
    except StorageError:
        logger.exception("%s could not be removed and is left for the sweep", key)
