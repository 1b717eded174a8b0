"""Jobs that a request waits for, as long as somebody waits for its answer."""

from __future__ import annotations

from flask import request

from service.api.auth import caller
from service.api.context import context
from service.api.http.clients import hung_up
from service.storage.schema import JobRow


def awaited(job: JobRow, seconds: float) -> tuple[JobRow, bool]:
    """Return a job when it has ended or the time is up, and whether it was waited for, as Waits.until_ended.

    The wait also ends when the client has hung up, or its key no longer counts.
    """
    connection, still_counts = request.environ.get("gunicorn.socket"), caller().still_counts

    def may_go_on() -> bool:
        return not hung_up(connection) and still_counts()

    return context().waits.until_ended(job, seconds, caller().tenant, may_go_on)
