"""The roll of live workers, by which `/readyz` knows that a job would be taken up."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from service.storage.database import Database, now
from service.storage.schema import WorkerRow

BEAT_S = 3.0  # seconds between two signs of life
DEAD_AFTER_S = 15.0  # seconds without one


def worker_id(host: str, process: int) -> str:
    """The name of a worker process."""
    return f"{host}:{process}"


class Roll:
    """Who works on the queue. A worker is on the roll once its model is loaded."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sign(self, worker: str) -> None:
        """Says that a worker is alive, and drops those long gone."""
        with self._database.writing() as session:
            session.merge(WorkerRow(id=worker, seen_at=session.scalar(select(now())) or 0.0))
            session.execute(delete(WorkerRow).where(WorkerRow.seen_at < now() - 10 * DEAD_AFTER_S))

    def leave(self, worker: str) -> None:
        with self._database.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id == worker))

    def forget(self, host: str) -> None:
        """Strikes off all workers of a host: what `serve` does before it starts its own."""
        with self._database.writing() as session:
            session.execute(delete(WorkerRow).where(WorkerRow.id.startswith(f"{host}:", autoescape=True)))

    def alive(self) -> int:
        """How many workers are alive."""
        query = select(func.count()).select_from(WorkerRow).where(WorkerRow.seen_at > now() - DEAD_AFTER_S)
        with self._database.reading() as session:
            return session.scalar(query) or 0
