"""Reports of a running job in its row: lease, progress, and which preview and checkpoint are the newest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from service.errors import DatabaseError, StorageError
from service.jobs.leases import Claim, Leases
from service.jobs.request import RESULT, SHEET, job_blob, job_folder
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.storage.records import DonePicture, JobCheckpoint, JobProgress, Preview
from service.storage.typed_json import Json
from service.storage.unsaved import try_to_delete
from service.telemetry.complaints import Complaint
from service.worker.checkpoints import Bytes, Checkpoints
from service.worker.left_behind import left_behind
from service.worker.pace import Pace
from service.worker.previews import Previews

if TYPE_CHECKING:  # so that painter workers need no torch
    from service.engine.losses import Losses

logger = logging.getLogger(__name__)

REPORT_S = 0.25  # seconds between two writes of progress, at least
RENEW_S = 1.0  # seconds after which a lease is renewed when there is no progress to write; fewer for short leases


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
        self._blobs = blobs
        self._claim = claim
        self._stopping = stopping
        self._renew_s = min(RENEW_S, lease_s / 20)
        self._pace = Pace()
        self._previews = Previews(blobs, claim)
        self._checkpoints = Checkpoints(blobs, claim, lease_s)
        self._complaint = Complaint(logger)
        self._newest: Report | None = None
        self._curve: Sequence[Json] = ()
        self._written = time.monotonic()  # when the job was claimed
        self._reported = 0.0
        self._grams = 0  # that are in the cache, for the picture under way
        self.stepped, self.skipped = time.monotonic(), 0.0

    def tidy(self) -> None:
        """Remove what attempts before left, killed ones too.

        The newest checkpoint, the pictures that it names and the newest previews stay.
        """
        try:
            left = left_behind(self._blobs, job_folder(self._claim.id), self._claim.fence)
        except StorageError as error:
            logger.warning("job %s: what attempts before left stays: %s", self._claim.id, error.detail)
            return
        self._checkpoints.take_over(left)
        self._previews.take_over(left)
        checkpoint = self._claim.checkpoint or JobCheckpoint()
        named = {picture.blob for picture in checkpoint.done}
        made = tuple(job_blob(self._claim.id, prefix) for prefix in (RESULT, SHEET))
        for blob in left:
            if blob.key.startswith(made) and blob.key not in named:
                try_to_delete(self._blobs, blob.key)

    def on_tick(self) -> None:
        """Note a step of the job, and renew its lease in time. Raises Canceled, Overdue, Stopping or LeaseLost."""
        self.stepped = time.monotonic()
        if self._stopping():
            raise Stopping
        if time.monotonic() >= self._written + self._renew_s:
            self._write()

    def on_grams(self) -> None:
        """Note that one more of the picture's Grams is in the cache; write how many, at most every REPORT_S seconds.

        Raises Canceled, Overdue or LeaseLost.
        """
        self._grams += 1
        if time.monotonic() >= self._written + REPORT_S:
            self._write()

    def on_progress(self, progress: Report, curve: Sequence[Json] = ()) -> None:
        """Write the progress, at most every REPORT_S seconds, but with each preview and checkpoint.

        `curve` is a learning's. Raises Canceled, Overdue or LeaseLost.
        """
        clock = self.stepped = time.monotonic()
        self._newest = progress
        eta = self._pace.seconds_left(progress.fraction, self.skipped)
        preview, checkpoint = self._previews.due(progress.level), self._checkpoints.due()
        if clock < self._reported + REPORT_S and progress.fraction < 1 and not (preview or checkpoint):
            return
        self._reported = clock
        self._curve = curve
        job_progress = self._job_progress(progress, eta)
        self._write(
            progress=job_progress,
            preview=self._previews.keep(progress.picture, progress.iteration) if preview else None,
            checkpoint=self._checkpoints.keep(progress.checkpoint, job_progress) if checkpoint else None,
        )

    def begin(self, done: Sequence[DonePicture], progress: JobProgress) -> None:
        """Report that these pictures of a job with several are done, and that the next one begins at this progress.

        Raises Canceled, Overdue or LeaseLost.
        """
        begun = replace(progress, losses=done[-1].losses if done else None)
        self._grams = 0
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
        """Store a last preview and checkpoint before the job is given up, and report them if the database lets us.

        Raises LeaseLost.
        """
        if self._newest is not None:
            progress = self._job_progress(self._newest, None)
            preview = self._previews.keep(self._newest.picture, self._newest.iteration)
            checkpoint = self._checkpoints.keep(self._newest.checkpoint, progress)
            with suppress(Canceled, Overdue):
                self._write(progress, preview, checkpoint)

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
            flags = self._leases.report(
                self._claim, progress=progress, preview=preview, checkpoint=checkpoint, grams=self._grams
            )
        except DatabaseError as error:
            self._complaint.say(
                "job %s: its progress could not be written: %s; the work goes on", self._claim.id, error.detail
            )
            return
        self._checkpoints.tidy(checkpoint)
        if flags.cancel_requested:
            raise Canceled
        if flags.overdue:
            raise Overdue
