"""A job's events as an iterator that survives broken connections."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from httpx_sse import EventSource

from nst_client.connection import PASSING, Connection
from nst_client.errors import LimitExceeded, Problem, Unreachable

logger = logging.getLogger(__name__)

EVENTS = "text/event-stream"
FAILURES = 8  # connections in a row that can't be made, bring nothing, or break at once without an event
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
        Problem: the job doesn't exist (any more), or the key no longer counts.
        Unreachable: FAILURES connections in a row couldn't be made, brought nothing, or broke at once.
    """
    last, failures, pause = "", 0, RECONNECT_S
    while True:
        failures, opened, silent = failures + 1, math.inf, False
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with connection.streamed(path, EVENTS, headers | {"Accept": EVENTS}, SILENCE_S) as response:
                opened = time.monotonic()
                if response.status_code == HTTPStatus.NO_CONTENT:
                    return
                for sent in EventSource(response).iter_sse():
                    pause = pause if sent.retry is None else sent.retry / 1000
                    if not sent.data:
                        continue
                    last, failures = sent.id, 0
                    yield Event(sent.event, sent.json(), sent.id)
                    if sent.event == "done":
                        return
            reason = "the stream ended"
        except (Unreachable, LimitExceeded) as error:
            reason, silent = str(error), isinstance(error.__cause__, httpx.TimeoutException)
        except Problem as error:
            if error.status not in PASSING:
                raise
            reason = str(error)
        if time.monotonic() >= opened + LASTING_S and not silent:
            failures = 0
        if failures == FAILURES:
            raise Unreachable(f"{path}: {failures} times without an event; {reason}")
        logger.info("%s: %s; again in %.1f s", path, reason, pause)
        time.sleep(pause)
