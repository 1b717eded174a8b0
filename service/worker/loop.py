"""The loop of every worker process: claim jobs one after another, with threads for heartbeats and supervision."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from service.config import Settings
from service.decoding import files
from service.errors import DatabaseError, ServiceError, StorageError
from service.jobs.leases import Claim, LeaseLost, Leases
from service.jobs.links import show_below
from service.jobs.registry import BEAT_S, WorkerRegistry, worker_id
from service.jobs.request import job_folder
from service.jobs.unattended import end_unattended, release_dead
from service.machine.bells import JOBS, Bell
from service.machine.memory import MIB, Capacity, give_back_memory
from service.machine.processes import pid_namespace
from service.machine.pulse import beat
from service.storage import identity
from service.storage.database import Database
from service.storage.disks import Disks
from service.storage.lanes import Lane
from service.storage.tenant_limits import default_limits
from service.telemetry.complaints import Complaint
from service.telemetry.logs import bound
from service.telemetry.tracing import continued
from service.worker.job import JobRun
from service.worker.outgrown import KeptMemory
from service.worker.reporter import Reporter

logger = logging.getLogger(__name__)

POLL_S = 0.1  # seconds between two looks at an empty queue
SELDOM_S = 1.0  # seconds between them where every web server is on this machine and rings
WATCH_S = 0.1  # seconds between two looks at the job under way
JOB_ROOM = 8 * MIB  # free bytes for files without which no job is begun
JOB_SHARE = 32  # on a small disk, one part in so many of it instead
RETRY_S = 1.0  # seconds before the next try after the storage failed
HUNG_LEASES = 3  # leases without a step of the job, after which a worker counts as hung
REST_S = 10.0  # seconds without a job after which a process may begin anew: then hardly anybody waits for it
DRAIN_S = 7.0  # seconds that a stopping process waits for its job's next step


class WorkerLoop(ABC):
    """The worker of one process; its kinds say which jobs they claim and how they carry them out.

    Args:
        stopping: tells whether the process must stop; a running job is then given back.

    Attributes:
        is_woken: tells whether something outside of this machine wakes this worker for each new job.
    """

    lane: Lane
    capacity: Capacity
    engine: dict[str, str] | None = None  # of its jobs, as the API shows it
    model: str | None = None  # SHA-256
    has_outgrown = False  # whether it stopped because the process keeps too much from its jobs

    def __init__(self, settings: Settings, stopping: Callable[[], bool]) -> None:
        self._namespace = pid_namespace()
        self._id = worker_id(self._namespace, os.getpid())
        self._settings = settings
        self._stopping = stopping
        self.is_woken: Callable[[], bool] = lambda: False
        self._database = Database(settings.database)
        self._blobs = identity.open_blobs(self._database, settings.blob_url)
        self._disks = Disks(settings.database, settings.blob_url, settings.disk_floor)
        self._leases = Leases(self._database, settings.lease_s, default_limits(settings))
        self._registry = WorkerRegistry(self._database)
        self._storage_trouble, self._heartbeat_trouble = Complaint(logger), Complaint(logger)
        self._can_write = True  # whether files could be written when that was last tried
        self._claim: Claim | None = None
        self._reporter: Reporter | None = None  # of the job under way
        self._closed = threading.Event()
        self._kept = KeptMemory()
        self._worked = 0.0  # when the last job ended, monotonic
        self._bell: Bell | None = None  # while it waits for jobs by itself
        beside = self._beat, self._watch  # daemons: where one can't be started, the process ends
        self._threads = [threading.Thread(target=run, name=run.__name__, daemon=True) for run in beside]

    @abstractmethod
    def make_run(self, claim: Claim, reporter: Reporter) -> JobRun:
        """Return what carries a job out."""

    def before_claim(self) -> None:  # noqa: B027 - not every kind has something to do
        """Do what is due between two jobs; nothing by default."""

    def cached(self) -> int:
        """Return the bytes that are kept on purpose from one job to the next."""
        return 0

    def give_back_memory(self) -> None:
        """Give what a job has freed back to the system."""
        give_back_memory()

    def run(self) -> None:
        """Work until told to stop, and a running job goes back to the queue; or until the process has outgrown.

        A process that begins anew stays in the registry: it is back in seconds, under the same id.
        """
        self._bell = bell = Bell(JOBS, POLL_S, SELDOM_S if self._settings.is_on_one_machine else POLL_S)
        self.start()
        try:
            while not self._stopping() and not self.has_outgrown:
                if not self._work_once():
                    bell.wait(SELDOM_S if self.is_woken() else None)
        finally:
            self.close()
            bell.close()
            if not self.begins_anew:
                self.leave()

    @property
    def begins_anew(self) -> bool:
        """Whether a new process is to take this one's place, which has outgrown and wasn't told to stop."""
        return self.has_outgrown and not self._stopping()

    def wake(self) -> None:
        """Have an idle worker look at once for jobs, and whether it must stop; also from a signal handler."""
        if self._bell is not None:
            self._bell.ring()

    def start(self) -> None:
        """Start the heartbeat: from here on the process counts as a worker."""
        files.start(self._settings.decode_s)
        show_below(self._settings.root_path)
        for thread in self._threads:
            thread.start()
        logger.info("worker %s is ready: lane %s, %s, %s", self._id, self.lane, self.engine or {}, self.capacity)

    def work_off(self) -> None:
        """Carry out jobs until there is none to claim."""
        while not self._stopping() and not self.has_outgrown and self._work_once():
            pass

    def close(self) -> None:
        """Stop the threads."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def leave(self) -> None:
        """Leave the registry, once the threads have stopped."""
        with suppress(ServiceError):  # without heartbeats the registry drops this worker anyway
            self._registry.remove(self._id)

    def _work_once(self) -> bool:
        """Carry out one job, if there is one; wait while the storage fails. Return whether there was a job."""
        try:
            self._blobs.check_there()
            self.before_claim()
            if self._lacks_room():
                self._closed.wait(RETRY_S)
                return False
            self._check_writable()
            self._claim = self._leases.claim(self._id, self.engine, self.lane)
            if self._claim is None:
                self._look_at_memory_at_rest()
                return False
            self._carry_out(self._claim)
            return True
        except StorageError as error:
            self._can_write = self._can_write and isinstance(error, DatabaseError)
            self._storage_trouble.say("the storage failed: %s; trying again", error.detail)
            self._closed.wait(RETRY_S)
            return False
        finally:
            has_worked = self._claim is not None
            self._claim = self._reporter = None
            if has_worked:
                self._look_at_memory()

    def _lacks_room(self) -> bool:
        """Return whether the disk is too full to begin a job."""
        room = self._blobs.room()
        if room is None or room >= self._job_room():
            return False
        self._storage_trouble.say("the disk is full (%.1f MiB left): no job begins until there is room", room / MIB)
        return True

    def _job_room(self) -> int:
        return min(JOB_ROOM, self._blobs.size() // JOB_SHARE)

    def _check_writable(self) -> None:
        """Raise StorageError if no file can be written, after files have failed a job.

        The next job would be computed whole, only to find that out at its end. No figure of the disk shows a quota.
        """
        if not self._can_write:
            self._blobs.check(self._job_room())
            self._can_write = True

    def _carry_out(self, claim: Claim) -> None:
        lease_s = self._settings.lease_s
        self._reporter = reporter = Reporter(self._leases, self._blobs, claim, self._stopping, lease_s)
        trace = continued(claim.trace)
        with bound(job_id=claim.id, trace_id=trace.trace_id, span_id=trace.span_id):
            self._run(claim, reporter)

    def _run(self, claim: Claim, reporter: Reporter) -> None:
        run = self.make_run(claim, reporter)
        try:
            run.carry_out()
            self._can_write = self._can_write and not run.blobs_full
        except LeaseLost:
            logger.warning("job %s: taken over or deleted in the meantime", claim.id)
            if not self._leases.exists(claim.id):
                self._blobs.delete_all(job_folder(claim.id))  # files that were written after it was deleted

    def _look_at_memory(self) -> None:
        """Free what a job held, once nothing here refers to it, and note whether the process keeps too much.

        On a GPU nothing is known of a job's memory. A process that begins anew would forget that files failed a job.
        """
        gc.collect()
        self.give_back_memory()
        self._worked = time.monotonic()
        if self.capacity.memory is not None and self._kept.has_outgrown(self.cached()) and self._can_write:
            self._begin_anew()

    def _look_at_memory_at_rest(self) -> None:
        if self._kept.has_grown and time.monotonic() > self._worked + REST_S:
            self._begin_anew()

    def _begin_anew(self) -> None:
        logger.info("worker %s keeps too much memory from its jobs: it begins anew", self._id)
        self.has_outgrown = True

    # Threads beside the jobs

    def _beat(self) -> None:
        """Send heartbeats, release the jobs of dead workers, and end jobs that no worker has and nobody wants."""
        while True:
            try:
                self._registry.heartbeat(self._id, self.capacity, self.model, self.lane)
                for id in release_dead(self._database, self._namespace):
                    logger.warning("job %s: its worker is dead; it can be claimed again", id)
                end_unattended(self._database)
                self._database.put_by()
            except ServiceError as error:
                self._heartbeat_trouble.say(
                    "the heartbeat or the care for waiting jobs failed: %s; trying again", error.detail
                )
            if self._closed.wait(BEAT_S):
                return

    def _watch(self) -> None:
        """End the process if its job hangs or doesn't stop in time: one evaluation can take a minute."""
        while not self._stopping():
            if self._closed.wait(WATCH_S):
                return
            beat()
            if self._hangs():
                logger.error("the job made no step in %d leases: this worker ends", HUNG_LEASES)
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
                logger.warning("job %s: given back at its checkpoint; it did not stop in time", claim.id)
            self._registry.remove(self._id)
        except (LeaseLost, ServiceError):
            logger.exception("stopping; the database could not be told: the lease will run out")
        finally:
            os._exit(0)
