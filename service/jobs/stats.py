"""Queue statistics for operators: a few queries that indexes answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from service.jobs.registry import count_alive
from service.storage.database import Database, now
from service.storage.kinds import FOLLOWING, KINDS, TRANSFER
from service.storage.lanes import ENGINE, PAINT
from service.storage.quota import all_bytes
from service.storage.records import ENDED, UNFINISHED
from service.storage.schema import DeliveryRow, JobRow

OF_LANES = [(kind, ENGINE) for kind in KINDS] + [(TRANSFER, PAINT)]


@dataclass(frozen=True)
class QueueStats:
    """State of the queue at one moment.

    Attributes:
        open: waiting and running jobs, by kind, lane and status.
        kept: ended jobs that are still kept, by status.
        oldest_s: seconds that the oldest waiting job has waited, without judgings and comparisons; 0 if none waits.
        workers, painters: live workers, and live painter workers.
        webhooks: webhooks and pictures still to be delivered.
        stored: bytes of the files of jobs and of presets.
    """

    open: dict[tuple[str, str, str], int]
    kept: dict[str, int]
    oldest_s: float
    workers: int
    painters: int
    webhooks: int
    stored: dict[str, int]


def queue_stats(database: Database) -> QueueStats:
    """Count jobs, workers, webhooks and bytes. Raises DatabaseError."""
    said = (JobRow.kind, JobRow.lane, JobRow.status)
    by_lane = select(*said, func.count()).where(JobRow.status.in_(UNFINISHED)).group_by(*said)
    by_status = select(JobRow.status, func.count()).where(JobRow.status.in_(ENDED)).group_by(JobRow.status)
    waiting = (JobRow.status == "queued", JobRow.kind.not_in(FOLLOWING))
    oldest = select(now() - func.min(JobRow.created_at)).where(*waiting)
    counts = {(kind, str(lane), status): 0 for kind, lane in OF_LANES for status in UNFINISHED}
    with database.reading() as session:
        for kind, lane, status, count in session.execute(by_lane):
            counts[kind, lane, status] = count
        kept = dict.fromkeys(ENDED, 0) | {status: count for status, count in session.execute(by_status)}  # noqa: C416
        return QueueStats(
            open=counts,
            kept=kept,
            oldest_s=max(0.0, session.scalar(oldest) or 0.0),
            workers=count_alive(session),
            painters=count_alive(session, PAINT),
            webhooks=session.scalar(select(func.count()).where(DeliveryRow.due_at.is_not(None))) or 0,
            stored=all_bytes(session),
        )
