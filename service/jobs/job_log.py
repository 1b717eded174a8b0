"""Job log: one line and the metrics for each job that has ended."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from service.jobs.request import TransferRequest
from service.storage.kinds import SCORE, TRANSFER
from service.storage.records import JobUsage
from service.storage.schema import JobRow
from service.telemetry import instruments
from service.telemetry.tracing import parse

logger = logging.getLogger(__name__)

REFUSED = "refused"  # cause of what failed as it was taken in: its caller's fault, whatever its problem is


def log_after_commit(session: Session, row: JobRow, cause: str | None) -> None:
    """Log the end of a job after its transaction is committed; after a rollback nothing is logged.

    `cause` is the slug of the problem that it failed with, or REFUSED.
    """
    log = partial(_log, _facts(row, cause), dict(row.timings or {}), row.usage or JobUsage())
    event.listen(session, "after_commit", lambda session: log(), once=True)


def _log(facts: dict[str, Any], timings: dict[str, float], used: JobUsage) -> None:
    kind, status, cause = facts["kind"], facts["status"], facts["cause"]
    instruments.jobs_ended.labels(kind, status).inc()
    if cause:
        instruments.job_failures.labels(kind, cause).inc()
    for name, seconds in timings.items():
        instruments.job_stage_seconds.labels(kind, name.removesuffix("_s")).observe(seconds)
    cost = {"megapixel_evaluations": used.megapixel_evaluations, "compute_s": used.compute_s}
    shown = "".join(f", {name.removesuffix('_s')} {seconds:g} s" for name, seconds in timings.items())
    why = f" ({facts['error']})" if facts["error"] else ""
    level = logging.WARNING if status == "failed" else logging.INFO
    logger.log(level, "job %s: %s%s%s", facts["job_id"], status, why, shown, extra=facts | timings | cost)


def _facts(row: JobRow, cause: str | None) -> dict[str, Any]:
    """Return the fields of the log line, except the timings."""
    trace = parse(row.trace or "")
    error, result = row.error, row.transfer_result
    return {
        "job_id": row.id,
        "kind": row.kind,
        "status": row.status,
        "cause": cause,
        "error": error["detail"] if error else None,
        "size": _size(row),
        "iterations": result.iterations if result else None,
        "style_cache": row.style_cache,
        "attempts": row.attempts,
        "worker": row.worker,
        "trace_id": trace.trace_id if trace else None,
    }


def _size(row: JobRow) -> int | None:
    """Return the pixels on the output's long edge, for the kinds of jobs that have an output."""
    has_output = row.kind in (TRANSFER, SCORE)
    return TransferRequest.of(row).size if has_output else None
