"""The quota of a caller: bytes of the files of its jobs (requests, results, and what results to come may take), of
what the jobs of its batches share, of its presets and their former states, counted from rows.

Previews, checkpoints, Gram matrices, the packs that workers make, the ONNX files of painters that came with packs,
and files of rows that are gone are not counted.
"""

from __future__ import annotations

import math

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from service.errors import NoSpace
from service.storage.disks import MIB
from service.storage.schema import HAS_RESERVED, BatchRow, JobRow, PresetRow, PresetVersionRow

JOBS = (JobRow, BatchRow)
PRESETS = (PresetRow, PresetVersionRow)
_SUMS = (select(func.sum(row.bytes)).where(row.owner == bindparam("owner")) for row in (*JOBS, *PRESETS))
_BYTES = select(*(one.scalar_subquery() for one in _SUMS))  # built once, because that takes longer than its answer
ADVICE = "delete some with DELETE /v1/transfers/ID or DELETE /v1/styles/NAME?purge=true"
RETRY_S = 3600.0  # seconds after which a caller may ask again, if no job of its own expires sooner


def bytes_of(session: Session, owner: str) -> dict[str, int]:
    """Return the bytes of a caller's files, by what they belong to, as far as they were written."""
    found = [int(part or 0) for part in session.connection().execute(_BYTES, {"owner": owner}).one()]
    return {"jobs": sum(found[: len(JOBS)]), "presets": sum(found[len(JOBS) :])}


def all_bytes(session: Session) -> dict[str, int]:
    """Return the bytes of all callers' files, by what they belong to, without what results to come may take."""
    return {
        "jobs": sum(_sum(session, select(func.sum(row.bytes))) for row in JOBS) - reserved_bytes(session),
        "presets": sum(_sum(session, select(func.sum(row.bytes))) for row in PRESETS),
    }


def reserved_bytes(session: Session) -> int:
    """Return the bytes that the results of all unfinished jobs may take."""
    return _sum(session, select(func.sum(JobRow.reserved)).where(HAS_RESERVED))


def check_quota(session: Session, owner: str, more: int, limit: float) -> None:
    """Raise NoSpace if `more` bytes would bring a caller above `limit` bytes."""
    if math.isinf(limit) or more <= 0:
        return
    jobs, presets = bytes_of(session, owner).values()
    if jobs + presets + more <= limit:
        return
    raise NoSpace(
        f"{(jobs + presets) / MIB:.1f} MiB of files are yours, {jobs / MIB:.1f} of transfers and scores, with results "
        f"to come, and {presets / MIB:.1f} of styles, where one caller may have {limit / MIB:g} MiB "
        f"(NST_CALLER_DISK_MB) and this would add {more / MIB:.1f}: {ADVICE}",
        retry_after=RETRY_S,
    )


def _sum(session: Session, query: object) -> int:
    return int(session.scalar(query) or 0)  # type: ignore[call-overload]
