"""The worker: takes jobs from the queue and has the stylist carry them out."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from types import FrameType

from service import images
from service.config import Settings
from service.engine.heap import give_back_memory
from service.engine.stylize import Progress
from service.errors import DatabaseError, ServiceError, StorageError, TransferFailed
from service.images import UnreadableImage
from service.jobs.fit import check_fit
from service.jobs.queue import Claim, LeaseLost, Queue
from service.jobs.request import TransferRequest, job_blob
from service.jobs.roll import BEAT_S, Roll, worker_id
from service.memory import MIB, Room
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.styles.grams import StyleImage
from service.sweep import sweep
from service.transfer import EngineInfo, Order, Outcome, Stylist

logger = logging.getLogger(__name__)

POLL_S = 0.1  # seconds between two looks at an empty queue
REPORT_S = 0.25  # seconds between two writes of progress, at least
RENEW_S = 1.0  # seconds after which a lease is renewed where there is no progress to write, if the lease is longer
RETRY_S = 1.0  # seconds before the next try after the storage failed
SWEEP_S = 3600.0  # seconds between two sweeps


class Canceled(Exception):
    """Someone asked to cancel the job."""


class Stopping(Exception):
    """The worker was told to stop: its job goes back to the queue."""


class Worker:
    """One process's loop over the queue."""

    def __init__(self, settings: Settings) -> None:
        self._id = worker_id(socket.gethostname(), os.getpid())
        self._settings = settings
        self._database = Database(settings.database)
        self._blobs = Blobs(settings.blob_url)
        self._queue = Queue(self._database, settings.lease_s)
        self._roll = Roll(self._database)
        self._stylist = Stylist(
            settings.model,
            self._blobs,
            device=settings.device,
            precision=settings.precision,
            threads=settings.cpu_threads,
            gram_memory=round(settings.gram_memory_mb * MIB),
        )
        self._room = _room(settings, self._stylist.info)
        self._stop = threading.Event()
        self._next_sweep = 0.0

    def run(self) -> None:
        """Works until SIGTERM or SIGINT; a job under way then goes back to the queue."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        beat = threading.Thread(target=self._beat, name="roll")
        beat.start()
        logger.info("worker %s is ready: %s, %s", self._id, self._stylist.info, self._room)
        try:
            while not self._stop.is_set():
                if not self._work_once():
                    self._stop.wait(POLL_S)
        finally:
            self._stop.set()
            beat.join()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _beat(self) -> None:
        while True:
            try:
                self._roll.sign(self._id, self._room)
            except ServiceError:
                logger.exception("could not sign the roll")
            if self._stop.wait(BEAT_S):
                break
        with suppress(ServiceError):  # the roll forgets us by itself
            self._roll.leave(self._id)

    def _work_once(self) -> bool:
        """One job, if there is one. A failing database is waited for, not died of."""
        try:
            self._sweep_if_due()
            claim = self._queue.claim(self._id, self._stylist.info.as_dict())
            if claim is not None:
                self._carry_out(claim)
                give_back_memory()
            return claim is not None
        except StorageError:
            logger.exception("the storage failed; trying again")
            self._stop.wait(RETRY_S)
            return False

    def _sweep_if_due(self) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_S
            sweep(self._database, self._blobs, round(self._settings.gram_disk_mb * MIB))

    def _carry_out(self, claim: Claim) -> None:
        try:
            self._try(claim)
        except LeaseLost:
            logger.warning("job %s: taken over or deleted meanwhile", claim.id)

    def _try(self, claim: Claim) -> None:
        logger.info("job %s: begun", claim.id)
        try:
            self._transfer(claim)
        except Canceled:
            self._queue.end_canceled(claim)
            logger.info("job %s: canceled", claim.id)
        except Stopping:
            self._queue.give_back(claim)
            logger.info("job %s: given back", claim.id)
        except (LeaseLost, DatabaseError):
            raise  # without a lease or a database nothing can be said of the job: its lease runs out
        except Exception as error:
            logger.exception("job %s: failed", claim.id)
            self._queue.fail(claim, _as_service_error(error))

    def _transfer(self, claim: Claim) -> None:
        request = TransferRequest.from_json(claim.request)
        check_fit(request, {self._room})
        report = _Report(self._queue, claim, self._stop, min(RENEW_S, self._settings.lease_s / 4))
        outcome = self._stylist.transfer(self._order(request), report.on_progress, report.on_tick)
        picture, options = outcome.result.picture, request.options
        data = images.encode(picture, options.format, options.quality)
        key = job_blob(claim.id, f"result-{claim.fence}.{options.format}")
        self._blobs.put(key, data)
        try:
            self._finish(claim, key, data, outcome, options.format)
        except LeaseLost:
            self._blobs.delete(key)
            raise

    def _finish(self, claim: Claim, key: str, data: bytes, outcome: Outcome, format: str) -> None:
        result = outcome.result
        height, width = result.picture.shape[:2]
        facts = {"blob": key, "width": width, "height": height, "media_type": images.MEDIA_TYPES[format],
                 "sha256": images.digest(data), "losses": vars(result.losses),
                 "iterations": result.iterations, "stopped": result.stopped}  # fmt: skip
        timings = {"style_s": round(outcome.style_s, 3), "optimize_s": round(outcome.optimize_s, 3)}
        self._queue.succeed(claim, facts, timings, outcome.style_cache)
        logger.info("job %s: done, %s, Grams %s", claim.id, timings, outcome.style_cache)

    def _order(self, request: TransferRequest) -> Order:
        styles = [
            StyleImage(partial(self._blobs.get, image.blob), image.sha256, image.width, image.height, weight, scale)
            for style in request.styles
            for image, weight, scale in style.shares()
        ]
        content = images.decode(self._blobs.get(request.content.blob))
        first = images.decode(self._blobs.get(request.first.blob)) if request.first else None
        return Order(content, styles, request.options, first)


class _Report:
    """Keeps a job's lease and writes its progress; brings back what its row says: cancel, or lost."""

    def __init__(self, queue: Queue, claim: Claim, stop: threading.Event, renew_s: float) -> None:
        self._queue = queue
        self._claim = claim
        self._stop = stop
        self._renew_s = renew_s
        self._first: tuple[float, float] | None = None  # share of the work and time of the first progress
        self._written = 0.0
        self._reported = 0.0

    def on_tick(self) -> None:
        """Raises Canceled, Stopping or LeaseLost."""
        if self._stop.is_set():
            raise Stopping
        if time.monotonic() >= self._written + self._renew_s:
            self._write(None)

    def on_progress(self, progress: Progress) -> None:
        """Raises Canceled or LeaseLost."""
        clock = time.monotonic()
        self._first = self._first or (progress.fraction, clock)
        if clock < self._reported + REPORT_S and progress.fraction < 1:
            return
        self._reported = clock
        done = progress.fraction - self._first[0]
        eta = round((clock - self._first[1]) / done * (1 - progress.fraction), 1) if done > 0 else None
        fraction, losses = round(progress.fraction, 4), vars(progress.losses)
        self._write({"iteration": progress.iteration, "fraction": fraction, "losses": losses, "eta_seconds": eta})

    def _write(self, progress: dict[str, object] | None) -> None:
        self._written = time.monotonic()
        try:
            cancel = self._queue.report(self._claim, progress)
        except DatabaseError:
            logger.exception("job %s: its progress could not be written; going on", self._claim.id)
        else:
            if cancel:
                raise Canceled


def _room(settings: Settings, info: EngineInfo) -> Room:
    """What this worker has for a job. How much of a GPU's memory a job takes isn't known."""
    return Room(settings.job_memory if info.device == "cpu" else None, info.precision)


def _as_service_error(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, UnreadableImage):
        return TransferFailed(f"an image could not be read: {error}")
    return TransferFailed(f"an error that nobody foresaw ({type(error).__name__}); the worker's log has it")
