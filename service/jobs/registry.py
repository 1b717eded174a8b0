"""The worker registry: live workers and their capacity, from which the web side knows whether a job would fit."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from service.errors import Unavailable
from service.jobs import last_words
from service.machine import processes
from service.machine.memory import Capacity
from service.storage.database import Database, now, read_clock
from service.storage.lanes import ENGINE, Lane
from service.storage.row_locks import delete_unlocked
from service.storage.schema import WorkerRow

BEAT_S = 3.0  # seconds between two heartbeats
DEAD_AFTER_S = 15.0  # seconds without a heartbeat


def worker_id(namespace: str, process: int) -> str:
    """Return the name of a worker process, whose id counts in this PID namespace."""
    return f"{namespace}:{process}"


def process_of(worker: str) -> int:
    """Return the process id in a worker's name."""
    return int(worker.rpartition(":")[2])


class WorkerRegistry:
    """The workers of the queue, registered once they are ready for jobs.

    Without a lane, methods look at the workers that carry out any job. Painter workers have a lane of their own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def heartbeat(self, worker: str, capacity: Capacity, model: str | None = None, lane: Lane = ENGINE) -> None:
        """Record that a worker is alive, its capacity and its model's SHA-256; remove workers that are long gone."""
        with self._database.writing() as session:
            seen_at = read_clock(session)
            about = {"memory": capacity.memory, "precision": capacity.precision, "model": model, "lane": lane}
            session.merge(WorkerRow(id=worker, seen_at=seen_at, **about))
            if lane == ENGINE:
                last_words.drop(session)
            delete_unlocked(session, WorkerRow, WorkerRow.seen_at < now() - 10 * DEAD_AFTER_S)

    def remove(self, worker: str) -> None:
        """Remove a worker that ends."""
        with self._database.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id == worker))

    def remove_dead(self, namespace: str) -> None:
        """Remove the workers of a PID namespace whose process has ended: `serve` does it before it starts its own.

        It must be the caller's namespace.
        """
        with self._database.writing() as session:
            here = select(WorkerRow.id).where(WorkerRow.id.startswith(f"{namespace}:", autoescape=True))
            dead = [worker for worker in session.scalars(here) if not processes.is_alive(process_of(worker))]
            session.execute(delete(WorkerRow).where(WorkerRow.id.in_(dead)))

    def alive(self, lane: Lane = ENGINE) -> int:
        """Return how many workers are alive."""
        with self._database.reading() as session:
            return count_alive(session, lane)

    def check(self) -> None:
        """Raise Unavailable, with the last words of the last worker, if none is alive."""
        with self._database.reading() as session:
            if count_alive(session):
                return
            words = last_words.read(session)
        raise Unavailable(f"no worker is alive; the last one ended: {words}" if words else "no worker is alive")

    def capacities(self, lane: Lane = ENGINE) -> set[Capacity]:
        """Return the capacities of live workers."""
        with self._database.reading() as session:
            rows = session.execute(select(WorkerRow.memory, WorkerRow.precision).where(is_alive(lane)))
            return {Capacity(memory, precision) for memory, precision in rows}

    def models(self) -> set[str]:
        """Return the SHA-256 of each model that live workers compute with."""
        with self._database.reading() as session:
            return {model for model in session.scalars(select(WorkerRow.model).where(is_alive(ENGINE))) if model}


def count_alive(session: Session, lane: Lane = ENGINE) -> int:
    """Return how many workers are alive."""
    return session.scalar(select(func.count()).select_from(WorkerRow).where(is_alive(lane))) or 0


def is_alive(lane: Lane) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a live worker of a lane.

    One that seems to be seen later than now was seen before the database's clock was set back.
    """
    return and_(WorkerRow.seen_at.between(now() - DEAD_AFTER_S, now() + DEAD_AFTER_S), WorkerRow.lane == lane)
