"""The Server-Sent Events of a job or a batch as a response."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Response, request

from service.api.auth import caller
from service.api.context import context
from service.api.http.caching import NEVER
from service.api.limits import limits
from service.api.live.streams import Shown, resumed_at
from service.api.schemas.parameters import WatchHeaders
from service.storage.records import ENDED
from service.storage.schema import JobRow

EVENTS: dict[Any, Any] = {"200": {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, "204": None}
LIVE = {"Cache-Control": NEVER, "X-Accel-Buffering": "no"}  # no cache may store it, and no proxy may buffer it


def event_stream(job: JobRow, header: WatchHeaders, shown: Shown) -> Response:
    """Return the stream of a job's events, from where `Last-Event-ID` says; 204 if none is left to send.

    Raises:
        LimitExceeded: too many streams of the tenant are open.
        Unavailable: too many streams are open in all, or there is no thread to look at jobs.
    """
    streams, number = context().streams, resumed_at(header.last_event_id, job)
    if job.status in ENDED and number == job.events:
        return Response(status=204, headers=LIVE)
    context().watch.start()
    may_go_on = caller().still_counts
    return live_response(lambda connection: streams.stream(job, number, connection, shown, may_go_on))


def live_response(events: Callable[[socket.socket | None], Iterator[str]]) -> Response:
    """Return a stream of events as a response, which takes one of the places for streams.

    `events` gets the connection. Raises as `Streams.take_place`.
    """
    streams, tenant = context().streams, caller().tenant
    streams.take_place(tenant, limits().streams)
    response = Response(events(request.environ.get("gunicorn.socket")), mimetype="text/event-stream", headers=LIVE)
    response.call_on_close(partial(streams.free_place, tenant))
    return response
