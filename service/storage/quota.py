"""The quota of a caller: the bytes of its files and rows, counted from the rows.

Counted are its jobs (rows with their requests, files of requests and results, and what results to come may take), its
batches with what their jobs share, its webhooks and deliveries, and its presets with their former states. What
presets and batches have left counts until the files are removed.

Previews, checkpoints and the ONNX files of painters that came with packs are not counted. Neither are Gram matrices,
and the packs of them that workers make: they are a cache, which has a limit of its own (service.worker.sweep_plan).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Literal

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from service.errors import NoSpace
from service.machine.memory import MIB
from service.storage.database import read_clock
from service.storage.left_schema import HAS_BYTES, LeftRow
from service.storage.preset_schema import PresetRow, PresetVersionRow
from service.storage.records import ENDED
from service.storage.schema import HAS_RESERVED, BatchRow, DeliveryRow, JobRow

JOBS = (JobRow, BatchRow, DeliveryRow)
PRESETS = (PresetRow, PresetVersionRow)
Whose = Literal["tenant", "owner"]


def sums(whose: Whose) -> Iterator[Select[int]]:
    """Return the queries for the bytes of a tenant or an owner, a parameter: of JOBS, PRESETS and files left."""
    for row in (*JOBS, *PRESETS):
        yield select(func.sum(row.bytes)).where(getattr(row, whose) == bindparam(whose))
    yield select(func.sum(LeftRow.bytes)).where(getattr(LeftRow, whose) == bindparam(whose), HAS_BYTES)


_BYTES = select(*(one.scalar_subquery() for one in sums("owner")))  # once: that takes longer than its answer
_UNFINISHED = (JobRow.status != status for status in ENDED)  # NOT IN would be written anew for each execution
_RESERVED = select(func.sum(JobRow.reserved)).where(
    HAS_RESERVED,
    *_UNFINISHED,  # a process of an earlier version may have left it in one that ended
)
ADVICE = "delete some with DELETE /v1/transfers/ID, /v1/batches/ID, /v1/scores/ID or /v1/styles/NAME?purge=true"
SHORTEST_S, LONGEST_S = 1.0, 86_400.0  # seconds: bounds of Retry-After
IDS_AT_ONCE = 1000  # in a statement: databases limit its parameters
UNFINISHED_S = 3600.0  # where jobs that wait or run, or their webhooks, or a sweep have something to give back


def bytes_of(session: Session, owner: str) -> dict[str, int]:
    """Return the bytes of a caller's files, by what they belong to, as far as they were written."""
    *found, left = (int(part or 0) for part in session.connection().execute(_BYTES, {"owner": owner}).one())
    return {"jobs": sum(found[: len(JOBS)]), "presets": sum(found[len(JOBS) :]), "left": left}


def all_bytes(session: Session) -> dict[str, int]:
    """Return the bytes of all callers' files, by what they belong to, without what results to come may take."""
    return {
        "jobs": sum(_sum(session, select(func.sum(row.bytes))) for row in JOBS) - reserved_bytes(session),
        "presets": sum(_sum(session, select(func.sum(row.bytes))) for row in PRESETS),
        "left": _sum(session, select(func.sum(LeftRow.bytes)).where(HAS_BYTES)),
    }


def reserved_bytes(session: Session) -> int:
    """Return the bytes that the results of all unfinished jobs may take."""
    return int(session.connection().execute(_RESERVED).scalar() or 0)


def give_back_of_ended(session: Session, ids: Collection[str]) -> None:
    """Take from these jobs, as far as they have ended, what was reserved for files that are gone, or never came."""
    ended = select(JobRow.id).where(HAS_RESERVED, JobRow.status.in_(ENDED)).with_for_update(skip_locked=True)
    found = [id for id in session.scalars(ended) if id in ids]
    for i in range(0, len(found), IDS_AT_ONCE):
        given_back = update(JobRow).where(JobRow.id.in_(found[i : i + IDS_AT_ONCE]))
        given_back = given_back.values(bytes=JobRow.bytes - JobRow.reserved, reserved=0)
        session.execute(given_back, execution_options={"synchronize_session": False})


def until_less(session: Session, column: Whose, value: str, retention_s: float) -> float | None:
    """Return the seconds until files of a tenant or caller expire, or may do; None where all of them stay.

    Those of the first job that came count, of the oldest former state of a preset, and those that a sweep removes.
    """
    mine = (getattr(JobRow, column) == value, JobRow.bytes > 0)
    running = select(BatchRow.id).where(BatchRow.finished_at.is_(None))  # their jobs expire later
    can_expire = or_(JobRow.status.not_in(ENDED), JobRow.batch.is_(None), JobRow.batch.not_in(running))
    first = select(JobRow.status, func.min(JobRow.number)).where(*mine, can_expire).group_by(JobRow.status)
    jobs = {status: number for status, number in session.execute(first)}  # noqa: C416 - a Row is no pair
    ended = [number for status, number in jobs.items() if status in ENDED]
    versions = select(func.min(PresetVersionRow.ended_at)).where(getattr(PresetVersionRow, column) == value)
    times = [*session.scalars(select(JobRow.finished_at).where(JobRow.number.in_(ended))), session.scalar(versions)]
    found = [time + retention_s - read_clock(session) for time in times if time is not None]
    messages = select(DeliveryRow.id).where(getattr(DeliveryRow, column) == value, DeliveryRow.bytes > 0).limit(1)
    left = select(LeftRow.folder).where(getattr(LeftRow, column) == value, HAS_BYTES).limit(1)
    if session.scalar(left) is not None:
        found.append(UNFINISHED_S)
    if not found and (len(jobs) > len(ended) or session.scalar(messages) is not None):
        found = [UNFINISHED_S]
    least = min(found, default=math.inf)
    return None if math.isinf(least) else bounded_retry(least)


def bounded_retry(seconds: float) -> float:
    """Return these seconds, after which there may be room, within the bounds of Retry-After."""
    return min(LONGEST_S, max(SHORTEST_S, seconds))


def check_quota(session: Session, owner: str, more: int, limit: float, retention_s: float = math.inf) -> float:
    """Raise NoSpace if `more` bytes would bring a caller above `limit` bytes; its jobs are kept for `retention_s`.

    Return the bytes that it may add.
    """
    if math.isinf(limit):
        return math.inf
    used = bytes_of(session, owner)
    total = sum(used.values())
    if more <= 0 or total + more <= limit:
        return limit - total
    raise NoSpace(
        f"{total / MIB:.1f} MiB of files are yours: {used['jobs'] / MIB:.1f} of transfers and scores, with "
        f"results to come, {used['presets'] / MIB:.1f} of presets, and {used['left'] / MIB:.1f} of what was deleted "
        f"and is yet to be removed. This would add {more / MIB:.1f}, and one caller may have {limit / MIB:g} MiB "
        f"(NST_CALLER_DISK_MB): {ADVICE}",
        retry_after=until_less(session, "owner", owner, retention_s) if more <= limit else None,
    )


def _sum(session: Session, query: object) -> int:
    return int(session.scalar(query) or 0)  # type: ignore[call-overload]
