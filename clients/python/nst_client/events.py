"""A job's events as an iterator that survives broken connections."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from httpx_sse import EventSource

from nst_client.connection import Connection
from nst_client.errors import Problem, Unreachable

EVENTS = "text/event-stream"
LASTING_S = 5.0  # seconds after which a stream hasn't broken at once: a proxy bounds its length, and the job waits
SILENCE_S = 60.0  # without a byte; the service sends a comment every 15 s
RECONNECT_S = 2.0  # unless the service says otherwise


@dataclass(frozen=True)
class Event:
    """An event: `progress`, `preview` or `done`, with its data as the API describes it."""

    name: str
    data: Mapping[str, Any]
    id: str


def events(connection: Connection, path: str) -> Iterator[Event]:
    """Yield a job's events until its end. A connection that breaks is made again, and goes on where it broke.

    Raises:
        Problem: the job doesn't exist (any more), the key no longer counts, or no stream was free for the patience.
        Unreachable: for the patience no connection could be made, or each brought nothing.
    """
    last, pause, patience = "", RECONNECT_S, connection.patience()
    while True:
        lasts_at = math.inf  # from then on the stream's end is no failure
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with connection.streamed(path, EVENTS, headers | {"Accept": EVENTS}, SILENCE_S) as response:
                lasts_at = time.monotonic() + LASTING_S
                if response.status_code == HTTPStatus.NO_CONTENT:
                    return
                for sent in EventSource(response).iter_sse():
                    pause = pause if sent.retry is None else sent.retry / 1000
                    if not sent.data:
                        continue
                    last, lasts_at = sent.id, -math.inf
                    yield Event(sent.event, sent.json(), sent.id)
                    if sent.event == "done":
                        return
            error: Problem | Unreachable = Unreachable(f"{path}: the stream ended before the job")
        except (Problem, Unreachable) as failure:
            error = failure
        silence = SILENCE_S if isinstance(error.__cause__, httpx.TimeoutException) else 0.0
        if time.monotonic() - silence < lasts_at:
            patience.wait(error, pause)
        else:
            patience = connection.patience()
            time.sleep(pause)
