"""Losses that follow: a painting or a learning ends at once, and a task measures the losses afterwards."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.jobs.queue import Submission, count_after_commit, row_of
from service.jobs.style_cost import style_cost
from service.jobs.tasks import CompareTask, JudgeTask, following_id
from service.storage.database import read_clock
from service.storage.schema import JobRow

logger = logging.getLogger(__name__)

MOST = 100  # tasks of a kind and of a tenant that wait; what ends meanwhile stays without losses


@dataclass(frozen=True)
class Judgement:
    """The losses of each picture of a transfer, name -> loss; and what the Gram cache had, as in `style_cache`."""

    losses: Sequence[Mapping[str, float]]
    style_cache: str


def submit_judging(session: Session, row: JobRow, task: JudgeTask | CompareTask) -> None:
    """Submit the task that measures losses after a job, in the transaction of its success, unless too many wait.

    Nobody asked for the task, so it is refused by no limit; its plan counts for later jobs.
    """
    mine = (JobRow.tenant == row.tenant, JobRow.status == "queued", JobRow.kind == task.kind)
    if (session.scalar(select(func.count()).where(*mine)) or 0) >= MOST:
        logger.warning("job %s: it gets no losses, because %d others wait for theirs", row.id, MOST)
        return
    new = Submission(following_id(row.id), task, row.owner, trace=row.trace)
    session.add(row_of(new, row.tenant, read_clock(session), style_cost(task)))
    count_after_commit(session, task.kind)


def enter(session: Session, transfer: str, found: Judgement, engine: dict[str, str] | None) -> None:
    """Enter a judgement in a transfer's row, which is locked; do nothing where the transfer is gone."""
    row = session.scalar(select(JobRow).where(JobRow.id == transfer))
    result = row.transfer_result if row else None
    if row is None or result is None:
        return
    pictures = zip(result.pictures, found.losses, strict=True)
    judged = tuple(replace(picture, losses=losses) for picture, losses in pictures)
    row.result = replace(result, pictures=judged).to_json()
    row.style_cache, row.engine = found.style_cache, engine
