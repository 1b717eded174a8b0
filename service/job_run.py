"""One job, from its claim to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from service import images
from service.engine.checkpoint import UnusableCheckpoint
from service.errors import DatabaseError, ServiceError, TransferFailed
from service.images import UnreadableImage
from service.jobs.fit import check_fit
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.request import TransferRequest, job_blob
from service.memory import Room
from service.reporting import Canceled, Overdue, Reporter, Stopping, read_checkpoint
from service.storage.blobs import Blobs
from service.styles.grams import StyleImage
from service.transfer import Order, Outcome, Stylist

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRun:
    """A claim, and all that it takes to carry it out."""

    leases: Leases
    blobs: Blobs
    stylist: Stylist
    room: Room
    claim: Claim
    reporter: Reporter

    def carry_out(self) -> None:
        """Has the job succeed, fail, be canceled or given back.

        Raises:
            LeaseLost: it is another's, or gone.
            DatabaseError: nothing can be said of it: its lease will run out.
        """
        logger.info("job %s: begun", self.claim.id)
        try:
            self._transfer()
        except Canceled:
            self._let_go(self.leases.end_canceled, "canceled")
        except Overdue:
            self._let_go(self.leases.fail_overdue, "failed, its deadline has passed")
        except Stopping:
            self._let_go(self.leases.give_back, "given back")
            return
        except (LeaseLost, DatabaseError):
            raise
        except Exception as error:
            logger.exception("job %s: failed", self.claim.id)
            self.leases.fail(self.claim, _as_service_error(error))
        self.reporter.remove_checkpoints()

    def _let_go(self, how: Callable[[Claim], None], word: str) -> None:
        self.reporter.last_words()
        how(self.claim)
        logger.info("job %s: %s", self.claim.id, word)

    def _transfer(self) -> None:
        request = TransferRequest.from_json(self.claim.request)
        check_fit(request, {self.room})
        order = self._order(request)
        self.reporter.on_tick()
        outcome = self._painted(order)
        self.reporter.on_tick()
        picture, options = outcome.result.picture, request.options
        data = images.encode(picture, options.format, options.quality)
        key = job_blob(self.claim.id, f"result-{self.claim.fence}.{options.format}")
        self.blobs.put(key, data)
        try:
            self._finish(key, data, outcome, options.format)
        except LeaseLost:
            self.blobs.delete(key)
            raise

    def _painted(self, order: Order) -> Outcome:
        on_progress, on_tick = self.reporter.on_progress, self.reporter.on_tick
        try:
            return self.stylist.transfer(order, on_progress, on_tick)
        except UnusableCheckpoint:
            logger.exception("job %s: its checkpoint can't be used; beginning anew", self.claim.id)
            return self.stylist.transfer(replace(order, resume=None), on_progress, on_tick)

    def _finish(self, key: str, data: bytes, outcome: Outcome, format: str) -> None:
        result = outcome.result
        height, width = result.picture.shape[:2]
        facts = {"blob": key, "width": width, "height": height, "media_type": images.MEDIA_TYPES[format],
                 "sha256": images.digest(data), "losses": vars(result.losses),
                 "iterations": result.iterations, "stopped": result.stopped}  # fmt: skip
        timings = {"style_s": round(outcome.style_s, 3), "optimize_s": round(outcome.optimize_s, 3)}
        self.leases.succeed(self.claim, facts, timings, outcome.style_cache)
        logger.info("job %s: done, %s, Grams %s", self.claim.id, timings, outcome.style_cache)

    def _order(self, request: TransferRequest) -> Order:
        styles = [
            StyleImage(partial(self.blobs.get, image.blob), image.sha256, image.width, image.height, weight, scale)
            for style in request.styles
            for image, weight, scale in style.shares()
        ]
        content = images.decode(self.blobs.get(request.content.blob))
        first = images.decode(self.blobs.get(request.first.blob)) if request.first else None
        return Order(content, styles, request.options, first, read_checkpoint(self.blobs, self.claim))


def _as_service_error(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, UnreadableImage):
        return TransferFailed(f"an image could not be read: {error}")
    return TransferFailed(f"an error that nobody foresaw ({type(error).__name__}); the worker's log has it")
