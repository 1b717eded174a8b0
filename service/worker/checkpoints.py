"""Checkpoints of a running job, as files: written by one attempt at it, and read by the next."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from service.engine.checkpoint import UnusableCheckpoint
from service.errors import BlobNotFound, StorageError
from service.jobs.leases import Claim
from service.jobs.request import CHECKPOINT, job_blob
from service.storage.blobs import BlobInfo, Blobs
from service.storage.records import DonePicture, JobCheckpoint, JobProgress
from service.storage.unsaved import try_to_delete
from service.telemetry.complaints import Complaint
from service.worker.pace import next_time

logger = logging.getLogger(__name__)

T = TypeVar("T")

CHECKPOINT_S = 4.0  # seconds between two checkpoints, at least; fewer for short leases


class Bytes(Protocol):
    """An object that can be stored as a file."""

    def to_bytes(self) -> bytes: ...


class Checkpoints:
    """Checkpoints: the state from which another worker can continue, overwritten each time.

    A job has one such file, which its row names, and a second one until the row names that instead. What a killed
    attempt leaves beside them is removed when the next one begins.

    At least CHECKPOINT_S seconds lie between two checkpoints, or a third of a lease. After a death each step brings
    one, for as many seconds from the first step on: however early the next death comes, the job gets further, and one
    that dies at the same step each time soon stands still there.
    """

    def __init__(self, blobs: Blobs, claim: Claim, lease_s: float) -> None:
        self._blobs = blobs
        self._pause_s = min(CHECKPOINT_S, lease_s / 3)
        self._claim = claim
        self._name = job_blob(claim.id, f"{CHECKPOINT}-{claim.fence}")
        self._complaint = Complaint(logger)
        known = claim.checkpoint or JobCheckpoint()
        self._done = known.done
        self._written = {known.blob} if known.blob else set()
        self._next = time.monotonic() + self._pause_s
        self._each_until: float | None = None if claim.after_death else -math.inf  # None before the first step

    @property
    def _key(self) -> str:
        """Key of this picture's checkpoint. Each picture has its own, so that a row never names another's file."""
        return f"{self._name}-{len(self._done)}"

    def take_over(self, left: Iterable[BlobInfo]) -> None:
        """Remove the checkpoints that attempts before left, but for the one that the row names.

        `left` are their files.
        """
        self._written |= {blob.key for blob in left if blob.key.startswith(job_blob(self._claim.id, CHECKPOINT))}
        self.tidy(self._claim.checkpoint or JobCheckpoint())

    def due(self) -> bool:
        """Return whether the step that was just made brings a checkpoint."""
        clock = time.monotonic()
        if self._each_until is None:
            self._each_until = clock + self._pause_s
        return clock < self._each_until or clock >= self._next

    def keep(self, state: Callable[[], Bytes], progress: JobProgress) -> JobCheckpoint | None:
        """Store a checkpoint; return it as the row holds it, or None where the blobs refuse it."""
        begun = time.monotonic()
        try:
            self._blobs.put(self._key, state().to_bytes())
            self._written.add(self._key)
        except StorageError as error:
            self._complaint.say("no checkpoint: %s; going on", error.detail)
            return None
        finally:
            self._next = next_time(begun, self._pause_s)
        return JobCheckpoint(self._key, replace(progress, eta_seconds=None), self._done)

    def next_picture(self, done: Sequence[DonePicture], progress: JobProgress) -> JobCheckpoint:
        """Return the checkpoint between two pictures of a job, which has no file."""
        self._done = tuple(done)
        return JobCheckpoint(None, progress, self._done)

    def tidy(self, named: JobCheckpoint | None) -> None:
        """Remove all files but that of the checkpoint that the row names now."""
        if named:
            self._remove(self._written - {named.blob})

    def remove(self) -> None:
        """Remove all files: the job has ended."""
        self._remove(set(self._written))

    def _remove(self, keys: set[str]) -> None:
        for key in keys:
            try_to_delete(self._blobs, key)
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
