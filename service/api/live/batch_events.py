"""A batch as Server-Sent Events: snapshots, as its transfers begin and end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from service.api.http.clients import hung_up
from service.api.live.streams import HEARTBEAT_S, RECONNECT_MS, Event
from service.api.live.watch import Watch
from service.errors import NotFound

LOOK_S = 1.0  # seconds between two looks at a batch
STEPS = 1_000_000  # number of the event of a batch that has done all of its work
DONE = STEPS + 1  # number of the last event


def batch_events(
    resource: Callable[[], dict[str, Any]],
    watch: Watch,
    connection: socket.socket | None,
    may_go_on: Callable[[], bool],
) -> Iterator[str]:
    """Yield the events of a batch until it ends or is deleted, the server stops or the client leaves.

    `resource` returns the batch as callers see it. The stream also ends once `may_go_on` returns False: the caller's
    key was revoked.
    """
    yield f"retry: {RECONNECT_MS}\n\n"
    seen, spoken = None, time.monotonic()
    while not (watch.closed or hung_up(connection)) and may_go_on():
        try:
            batch = resource()
        except NotFound:
            yield ": the batch was deleted\n\n"
            return
        if batch["finished_at"] is not None:
            yield str(Event(DONE, "done", batch))
            return
        if (news := (batch["counts"], batch["fraction"])) != seen:
            seen, spoken = news, time.monotonic()
            yield str(Event(round(STEPS * batch["fraction"]), "progress", batch))
        elif time.monotonic() > spoken + HEARTBEAT_S:
            spoken = time.monotonic()
            yield ": still there\n\n"
        watch.rest(LOOK_S)
