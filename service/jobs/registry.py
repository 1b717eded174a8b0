"""The roll of live workers, by which the web side knows that a job would be taken up, and fit."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select

from service.machine.memory import Capacity
from service.storage.database import Database, now, read_clock
from service.storage.schema import WorkerRow

BEAT_S = 3.0  # seconds between two signs of life
DEAD_AFTER_S = 15.0  # seconds without one


def worker_id(host: str, process: int) -> str:
    """The name of a worker process."""
    return f"{host}:{process}"


def process_of(worker: str) -> int:
    """The process id in a worker's name."""
    return int(worker.rpartition(":")[2])


class WorkerRegistry:
    """Who works on the queue. A worker is on the roll once its model is loaded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def heartbeat(self, worker: str, room: Capacity, model: str | None = None) -> None:
        """Says that a worker is alive, what it has for a job and the SHA-256 of its model; drops those long gone."""
        with self._database.writing() as session:
            seen_at = read_clock(session)
            about = {"memory": room.memory, "precision": room.precision, "model": model}
            session.merge(WorkerRow(id=worker, seen_at=seen_at, **about))
            session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now() - 10 * DEAD_AFTER_S))

    def remove(self, worker: str) -> None:
        with self._database.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id == worker))

    def remove_host(self, host: str) -> None:
        """Strikes off all workers of a host: what `serve` does before it starts its own."""
        with self._database.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id.startswith(f"{host}:", autoescape=True)))

    def alive(self) -> int:
        """How many workers are alive."""
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(WorkerRow).where(is_alive())) or 0

    def capacities(self) -> set[Capacity]:
        """What the workers that are alive have for a job."""
        with self._database.reading() as session:
            rows = session.execute(select(WorkerRow.memory, WorkerRow.precision).where(is_alive()))
            return {Capacity(memory, precision) for memory, precision in rows}

    def models(self) -> set[str]:
        """SHA-256 of each model that workers which are alive compute with."""
        with self._database.reading() as session:
            return {model for model in session.scalars(select(WorkerRow.model).where(is_alive())) if model}


def is_alive() -> ColumnElement[bool]:
    """The condition that a row of the roll is of a living worker."""
    return WorkerRow.seen_at > now() - DEAD_AFTER_S
