"""Previews of a running job, as files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from service.errors import StorageError
from service.jobs.leases import Claim
from service.jobs.request import job_blob
from service.pictures import images
from service.pictures.images import Picture
from service.storage.blobs import BlobInfo, Blobs
from service.storage.kinds import FOLLOWING
from service.storage.records import Preview
from service.storage.unsaved import try_to_delete
from service.telemetry.complaints import Complaint
from service.worker.pace import next_time

logger = logging.getLogger(__name__)

PREVIEW_S = 2.0  # seconds between two previews of one level, at least
PREVIEW_SIZE, PREVIEW_QUALITY = 512, 80  # pixels on the long edge at most; of a JPEG
PREVIEW = "preview"  # prefix of their files
KEPT = 2  # of the attempts before: the row may not name the newest, if its attempt was killed


class Previews:
    """Previews: a small JPEG of the current picture, overwritten each time. Jobs that nobody can watch have none."""

    def __init__(self, blobs: Blobs, claim: Claim) -> None:
        self._blobs = blobs
        self._prefix = job_blob(claim.id, PREVIEW)
        self._key = f"{self._prefix}-{claim.fence}.jpg"
        self._is_watched = claim.kind not in FOLLOWING
        self._complaint = Complaint(logger)
        self._level = -1
        self._next = 0.0

    def take_over(self, left: Iterable[BlobInfo]) -> None:
        """Remove the previews that attempts before left, but for the newest ones; `left` are their files."""
        previews = [blob for blob in left if blob.key.startswith(self._prefix)]
        for blob in sorted(previews, key=lambda blob: blob.modified)[:-KEPT]:
            try_to_delete(self._blobs, blob.key)

    def due(self, level: int) -> bool:
        """Return whether it is time for a preview: when a level begins, and every PREVIEW_S seconds."""
        if not self._is_watched or (level == self._level and time.monotonic() < self._next):
            return False
        self._level = level
        return True

    def keep(self, made: Callable[[], Picture], iteration: int) -> Preview | None:
        """Store a preview; return it as the row holds it, or None where there is none or the blobs refuse it."""
        if not self._is_watched:
            return None
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
            self._next = next_time(begun, PREVIEW_S)
        return Preview(self._key, iteration, width, height)
