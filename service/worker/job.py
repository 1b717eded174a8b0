"""One job from its claim to its end, whatever its kind. It needs no torch."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from service.decoding import files
from service.decoding.decoded import DecodedFiles
from service.errors import (
    BlobNotFound,
    BlobsFull,
    DamagedFile,
    DatabaseError,
    JobFailed,
    ServiceError,
    StorageError,
    Unavailable,
)
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.request import Painting, StoredStyle, TransferRequest, job_blob
from service.machine.memory import Capacity
from service.options import TransferOptions
from service.painting.order import Order
from service.pictures.images import Mask, Picture, UnreadableImage
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.storage.readback import BlobFile, BlobImage
from service.storage.records import DonePicture
from service.storage.stored_files import StoredFile, StoredImage
from service.styles.style import Style
from service.worker.content import Content
from service.worker.reporter import Canceled, Overdue, Reporter, Stopping

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class JobRun(ABC):
    """A claimed job, and all that its work needs.

    Attributes:
        final_errors: errors of the storage that fail the job at once, because waiting doesn't help, or costs its
            caller more than to ask again.
        blobs_full: whether the job failed because a file found no room.
    """

    final_errors: ClassVar[tuple[type[StorageError], ...]] = (BlobsFull, BlobNotFound, DamagedFile)

    leases: Leases
    blobs: Blobs
    capacity: Capacity
    claim: Claim
    reporter: Reporter
    blobs_full: bool = field(default=False, init=False)

    def carry_out(self) -> None:
        """Do the work, and end the job or give it back.

        Raises:
            LeaseLost: another worker has the job, or it is gone.
            DatabaseError: its end could not be written; its lease will run out.
            StorageError: its files can't be read or written now. It was given back if no file can, or if there was no
                room; otherwise its lease will run out, so that the attempt counts. Its checkpoint stays.
        """
        logger.info("job %s: begun", self.claim.id)
        try:
            self._check_request()
            self.reporter.tidy()
            self.work()
        except Canceled:
            self._let_go(self.leases.cancel)
        except Overdue:
            self._let_go(self.leases.fail_overdue)
        except Stopping:
            self._let_go(self.leases.give_back)
            logger.info("job %s: given back", self.claim.id)
            return
        except (LeaseLost, DatabaseError):
            raise
        except self.final_errors as error:
            self.blobs_full = isinstance(error, BlobsFull)
            self._fail(error)
        except StorageError as error:
            logger.warning("job %s: %s; it goes on later, from its checkpoint", self.claim.id, error.detail)
            if isinstance(error, BlobsFull) or self._is_storage_away():
                self.leases.give_back(self.claim)
            raise
        except Unavailable as error:  # a picture could not be read: the machine was too busy, or short of memory
            logger.warning("job %s: %s; another attempt follows when its lease is over", self.claim.id, error.detail)
            return
        except Exception as error:  # noqa: BLE001 - the log and the job have it
            self._fail(error)
        self.tidy()

    def tidy(self) -> None:
        """Remove the files that only an unfinished job needs; the sweep removes what is left of them."""
        self.reporter.remove_checkpoints()

    @abstractmethod
    def work(self) -> None:
        """Do the work and report its success; raise any error."""

    def _check_request(self) -> None:
        if not self.claim.request:
            raise JobFailed("its request can't be read: the row is damaged; the worker's log has what it holds")

    def _is_storage_away(self) -> bool:
        """Return whether no file can be read and written now, rather than one alone."""
        try:
            self.blobs.check()
        except StorageError:
            return True
        return False

    def _fail(self, error: Exception) -> None:
        """End the job with an error, and log what its caller isn't told."""
        if not isinstance(error, ServiceError | UnreadableImage):
            logger.error("job %s: unexpected error", self.claim.id, exc_info=error)
        elif isinstance(error, ServiceError) and error.said:
            logger.error("job %s: %s", self.claim.id, error.detail)
        self.leases.fail(self.claim, _as_service_error(error))

    def _let_go(self, how: Callable[[Claim], None]) -> None:
        self.reporter.report_last()
        how(self.claim)

    # Shared by the kinds of jobs

    def done_before(self) -> list[DonePicture]:
        """Return the pictures that earlier attempts have finished."""
        return list(self.claim.checkpoint.done) if self.claim.checkpoint else []

    def on_tick(self) -> None:
        """Note a step of the job. Raises as the reporter's."""
        self.reporter.on_tick()

    def keep(self, name: str, data: bytes) -> str:
        """Store a file of the job; return its key."""
        key = job_blob(self.claim.id, name)
        self.blobs.put(key, data)
        return key

    def read(self, file: StoredFile) -> bytes:
        """Read a file that the row refers to. Raises DamagedFile if its content has changed."""
        return BlobFile(self.blobs, file).read()

    def content(self, request: TransferRequest) -> Content:
        """Decode the content image."""
        cutout = files.decode_cutout(self.read(request.content), self.on_tick)
        self.on_tick()
        return Content.of(cutout, request.size, {painting.options.alpha for painting in request.paintings})

    def order(self, content: Content, painting: Painting, decoded: DecodedFiles) -> Order:
        """Decode a painting's pictures, with a tick after each, and return its order."""
        options = painting.options
        shown = content.fitted[options.alpha]
        return Order(
            shown.colours,
            [self.style(style) for style in painting.styles if style.weight],
            options,
            self.picture(painting.initial_image, options, decoded) if painting.initial_image else None,
            protect=self._mask(painting.protect, decoded),
            strength_map=self._mask(painting.strength_map, decoded),
            alpha=shown.alpha,
            decoded=decoded,
        )

    def picture(self, image: StoredImage, options: TransferOptions, decoded: DecodedFiles) -> Picture:
        """Decode a picture: over white, or only its colours if the option `alpha` keeps the transparency."""
        cutout = decoded.cutout(BlobImage(self.blobs, image), self.on_tick)
        self.on_tick()
        return cutout.over_white() if options.alpha == "flatten" else cutout.colours

    def _mask(self, image: StoredImage | None, decoded: DecodedFiles) -> Mask | None:
        if image is None:
            return None
        mask = decoded.mask(BlobImage(self.blobs, image), self.on_tick)
        self.on_tick()
        return mask

    def style(self, style: StoredStyle) -> Style:
        """Return a style whose files are read only when they are needed."""
        own = tuple(
            StyleImage(BlobImage(self.blobs, image.file), image.weight, scale, self._maybe(image.mask))
            for image, scale in style.sized()
        )
        pack = BlobFile(self.blobs, style.pack) if style.pack else None
        painter = BlobFile(self.blobs, style.painter) if style.painter else None
        return Style(own, pack, style.weight, style.scale, self._maybe(style.mask), painter)

    def _maybe(self, image: StoredImage | None) -> BlobImage | None:
        return None if image is None else BlobImage(self.blobs, image)


def _as_service_error(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, UnreadableImage):
        return JobFailed(f"an image could not be read: {error}")
    return JobFailed(f"unexpected error ({type(error).__name__}); see the worker's log")
