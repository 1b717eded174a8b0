"""A batch as Server-Sent Events: snapshots, as its transfers begin and end.

A stream numbers its events itself: one that is resumed goes on after the number that its client has.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

from service.api.http.clients import hung_up
from service.api.live.batch_watch import LOOK_S, BatchWatch
from service.api.live.streams import HEARTBEAT_S, RECONNECT_MS, Event
from service.api.live.watch import Watch
from service.errors import NotFound
from service.jobs.batch_resource import BatchSnapshot, batch_resource
from service.storage.schema import BatchRow

DONE = 10**9  # number of the last event of every batch: none has so many others


def batch_resumed_at(header: str, batch: BatchRow) -> int:
    """Return the number in a `Last-Event-ID`, or 0 if the batch can have no such event."""
    if not (header.isascii() and header.isdigit() and len(header) <= len(str(DONE))):
        return 0
    return int(header) if int(header) < DONE or batch.finished_at is not None else 0


class BatchStreams:
    """The event streams of batches of one process."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._batches = BatchWatch()

    def stream(
        self,
        id: str,
        look: Callable[[], BatchSnapshot],
        number: int,
        connection: socket.socket | None,
        may_go_on: Callable[[], bool],
    ) -> Iterator[str]:
        """Yield events after `number` until a batch ends or is deleted, the server stops or the client leaves.

        The stream also ends once `may_go_on` returns False: the caller's key was revoked.
        """
        yield f"retry: {RECONNECT_MS}\n\n"
        seen, spoken = None, time.monotonic()
        with self._batches.watching(id) as batch:
            while not (self._watch.closed or hung_up(connection)) and may_go_on():
                try:
                    found = batch.newest(look)
                except NotFound:
                    yield ": the batch was deleted\n\n"
                    return
                if found and found.batch.finished_at is not None:
                    yield str(Event(DONE, "done", batch_resource(found)))
                    return
                if found and (news := (found.state.sums.counts, found.state.fraction)) != seen:
                    seen, spoken, number = news, time.monotonic(), number + 1
                    yield str(Event(number, "progress", batch_resource(found)))
                elif time.monotonic() > spoken + HEARTBEAT_S:
                    spoken = time.monotonic()
                    yield ": still there\n\n"
                self._watch.rest(LOOK_S)
