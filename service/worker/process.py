"""A worker process: takes jobs from the queue one after another and looks after itself meanwhile."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from service.config import Settings
from service.decoding import files
from service.errors import ServiceError, StorageError
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.registry import BEAT_S, Roll, worker_id
from service.jobs.request import job_folder
from service.machine.memory import MIB, Room, give_back_memory
from service.painting.stylist import EngineInfo, Stylist
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.disks import Disks
from service.telemetry.complaints import Complaint
from service.telemetry.logs import bound
from service.telemetry.tracing import continued
from service.webhooks.dispatcher import Courier
from service.worker.reporter import Reporter
from service.worker.sweep import sweep
from service.worker.tasks import RUNS

logger = logging.getLogger(__name__)

POLL_S = 0.1  # seconds between two looks at an empty queue
RENEW_S = 1.0  # seconds after which a lease is renewed where there is no progress to write, if the lease is longer
JOB_ROOM = 8 * MIB  # bytes of files that must find room where a job is begun
JOB_SHARE = 32  # but no more than this part of a small disk
RETRY_S = 1.0  # seconds before the next try after the storage failed
SWEEP_S = 3600.0  # seconds between two sweeps, where jobs are kept for longer
SHORT_SWEEP_S = 60.0  # the same while the disk lacks room
HUNG_LEASES = 3  # without a step of its job, after which a worker is taken to hang
DRAIN_S = 7.0  # seconds that a job may take to stop at its next step before its process is ended without waiting


class Worker:
    """One process's work on the queue.

    Args:
        stopping: whether the process was told to stop; a job under way is then given back.
    """

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        self._host = socket.gethostname()
        self._id = worker_id(self._host, os.getpid())
        self._settings = settings
        self._stopping = stopping
        self._database = Database(settings.database)
        self._blobs = Blobs(settings.blob_url)
        self._disks = Disks(settings.database, settings.blob_url, round(settings.disk_floor_mb * MIB))
        self._leases = Leases(self._database, settings.lease_s)
        self._roll = Roll(self._database)
        self._courier = Courier(settings, self._database)
        self._stylist = Stylist.from_settings(settings, self._blobs)
        self._storage, self._roll_trouble = Complaint(logger), Complaint(logger)
        self._room = _room(settings, self._stylist.info)
        self._claim: Claim | None = None
        self._reporter: Reporter | None = None  # of the job under way
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=run, name=run.__name__) for run in (self._beat, self._watch)]
        self._next_sweep = self._hurried_sweep = 0.0

    def run(self) -> None:
        """Works until it is told to stop; a job under way then goes back to the queue."""
        self.start()
        try:
            while not self._stopping():
                if not self._work_once():
                    self._closed.wait(POLL_S)
        finally:
            self.close()

    def start(self) -> None:
        """Signs the roll: from here on the process counts as a worker."""
        files.start(self._settings.decode_s)
        for thread in self._threads:
            thread.start()
        self._courier.start()
        logger.info("worker %s is ready: %s, %s", self._id, self._stylist.info, self._room)

    def work_off(self) -> None:
        """Carries out jobs until there is none to claim."""
        while not self._stopping() and self._work_once():
            pass

    def close(self) -> None:
        """Signs off."""
        self._closed.set()
        self._courier.stop()
        for thread in self._threads:
            thread.join()

    def _work_once(self) -> bool:
        """One job, if there is one. A failing database is waited for, not died of."""
        try:
            self._sweep_if_due()
            if self._lacks_room():
                self._closed.wait(RETRY_S)
                return False
            self._claim = self._leases.claim(self._id, self._stylist.info.as_dict())
            if self._claim is None:
                return False
            self._carry_out(self._claim)
            return True
        except StorageError as error:
            self._storage.say("the storage failed: %s; trying again", error.detail)
            self._closed.wait(RETRY_S)
            return False
        finally:
            self._claim = self._reporter = None

    def _lacks_room(self) -> bool:
        """Whether no job is begun, as its picture would find no room: it waits until there is some again."""
        room = self._blobs.room()
        if room is None or room >= min(JOB_ROOM, self._blobs.size() // JOB_SHARE):
            return False
        self._storage.say(
            "the disk is full (%.1f MiB left for files): no job is begun until there is room", room / MIB
        )
        return True

    def _carry_out(self, claim: Claim) -> None:
        renew_s = min(RENEW_S, self._settings.lease_s / 20)
        self._reporter = reporter = Reporter(self._leases, self._blobs, claim, self._stopping, renew_s)
        trace = continued(claim.trace)
        with bound(job_id=claim.id, trace_id=trace.trace_id, span_id=trace.span_id):
            self._run(claim, reporter)

    def _run(self, claim: Claim, reporter: Reporter) -> None:
        try:
            run = RUNS[claim.kind](self._leases, self._blobs, self._stylist, self._room, claim, reporter)
            run.carry_out()
        except LeaseLost:
            logger.warning("job %s: taken over or deleted meanwhile", claim.id)
            if not self._leases.exists(claim.id):
                self._blobs.delete_all(job_folder(claim.id))  # what was written since it was deleted
        finally:
            give_back_memory()

    def _sweep_if_due(self) -> None:
        """Sweeps now and then, and sooner from when a disk lacks room, whenever that begins."""
        clock = time.monotonic()
        if clock < self._hurried_sweep or (clock < self._next_sweep and not self._disks.shortage()):
            return
        wait = min(SWEEP_S, max(1.0, self._settings.retention / 4))
        self._next_sweep, self._hurried_sweep = clock + wait, clock + min(wait, SHORT_SWEEP_S)
        gram_bytes = round(self._settings.gram_disk_mb * MIB)
        sweep(self._database, self._blobs, gram_bytes, self._settings.retention, self._disks.blobs_shortage())

    # What goes on beside the jobs

    def _beat(self) -> None:
        """Signs the roll again and again, and sees to what befalls jobs while all workers are busy."""
        while True:
            try:
                self._roll.sign(self._id, self._room, self._stylist.info.model)
                self._leases.end_overdue()
                for id in self._leases.release_dead(self._host):
                    logger.warning("job %s: its worker is dead, so it can be claimed again", id)
                self._database.put_by()
            except ServiceError as error:
                self._roll_trouble.say("could not sign the roll, or look after jobs: %s; trying again", error.detail)
            if self._closed.wait(BEAT_S):
                break
        with suppress(ServiceError):  # the roll forgets us by itself
            self._roll.leave(self._id)

    def _watch(self) -> None:
        """Ends the process if its job hangs, or doesn't stop in time: one evaluation can take a minute."""
        while not self._stopping():
            if self._closed.wait(POLL_S):
                return
            if self._hangs():
                logger.error("no step of a job in %d leases: this worker ends", HUNG_LEASES)
                os._exit(1)
        if not self._closed.wait(DRAIN_S):
            self._abandon()

    def _hangs(self) -> bool:
        reporter = self._reporter
        return reporter is not None and time.monotonic() > reporter.stepped + HUNG_LEASES * self._settings.lease_s

    def _abandon(self) -> None:
        claim = self._claim
        try:
            if claim is not None:
                self._leases.give_back(claim)
                logger.warning("job %s: given back at its checkpoint, as it did not stop in time", claim.id)
            self._roll.leave(self._id)
        except (LeaseLost, ServiceError):
            logger.exception("stopping without a word to the database: the lease will run out")
        finally:
            os._exit(0)


def _room(settings: Settings, info: EngineInfo) -> Room:
    """What this worker has for a job. How much of a GPU's memory a job takes isn't known."""
    return Room(settings.job_memory if info.device == "cpu" else None, info.precision)
