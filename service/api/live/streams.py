"""A job as Server-Sent Events, numbered by a count in the job's row, so that any process can resume a stream."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from service.api.http.clients import hung_up
from service.api.live.watch import Watch
from service.api.places import Places
from service.errors import LimitExceeded, NotFound, Unavailable
from service.jobs.links import link
from service.jobs.resource import progress_resource, transfer_resource
from service.machine.fork_places import ForkPlaces
from service.storage.json_text import write_json
from service.storage.records import ENDED, Preview
from service.storage.schema import JobRow
from service.telemetry.instruments import event_streams_open

RECONNECT_MS = 2000  # milliseconds until a client that lost its stream connects again
HEARTBEAT_S = 15.0  # seconds of silence, after which a comment line is sent
CHECK_S = 2.0  # seconds between two looks whether the caller may still watch
FULL_RETRY_S = 5.0  # seconds until a caller may try again if all places are taken
BEGINNING = -1  # the number before the first event's


@dataclass(frozen=True)
class Event:
    """One event of a job or a batch."""

    number: int
    name: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"id: {self.number}\nevent: {self.name}\ndata: {write_json(self.data)}\n\n"


@dataclass(frozen=True)
class Shown:
    """What the events of a kind of job show: its progress, the whole job at its end, the path of its preview.

    `is_followed` tells whether a job that has ended is waited for still, because another one follows it.
    """

    progress: Callable[[JobRow], dict[str, Any]] = progress_resource
    done: Callable[[JobRow], dict[str, Any]] = transfer_resource
    preview: Callable[[JobRow], str] = lambda row: link(f"/v1/transfers/{row.id}/preview")
    is_followed: Callable[[JobRow], bool] = lambda row: False


TRANSFER = Shown()


def events_after(row: JobRow, number: int, shown: Shown = TRANSFER, *, ended: bool | None = None) -> list[Event]:
    """Return the newest events of a job that are newer than event `number`; `ended`: by default as its row says."""
    number_of_progress = row.progress.event if row.progress else 0
    events = [Event(number_of_progress, "progress", shown.progress(row) | {"status": row.status})]
    if row.preview:
        events.append(Event(row.preview.event, "preview", _preview_resource(shown.preview(row), row.preview)))
    events.sort(key=lambda event: event.number)
    if row.status in ENDED if ended is None else ended:
        events.append(Event(row.events, "done", shown.done(row)))
    return [event for event in events if event.number > number]


def resumed_at(header: str, row: JobRow) -> int:
    """Return the number in a `Last-Event-ID`, or BEGINNING if this job has no such event."""
    digits = str(row.events)
    if not (header.isascii() and header.isdigit() and len(header) <= len(digits)):
        return BEGINNING
    return int(header) if int(header) <= row.events else BEGINNING


class Streams:
    """Event streams of one process, at most `places` at a time, each in a thread of its own.

    A tenant has its share of them, as in Places. Those of all processes count for its limit: `counted` has them, also
    of tenants without a limit, as they may get one meanwhile.
    """

    def __init__(
        self, watch: Watch, places: int, heartbeat_s: float = HEARTBEAT_S, counted: ForkPlaces | None = None
    ) -> None:
        self._watch = watch
        self._places = Places(places)
        self._heartbeat_s = heartbeat_s
        self._counted = counted or ForkPlaces()

    def take_place(self, tenant: str, most: int | None = None) -> None:
        """Take one of the places for streams; the tenant may have `most` streams in all processes.

        Raises:
            LimitExceeded: it has `most`.
            Unavailable: all places of this process are taken, or all of the tenant's share.
        """
        used = self._counted.take(tenant, math.inf if most is None else most)
        if most is not None and used >= most:
            detail = f"{used} event streams of yours are open, and {most} may be"
            raise LimitExceeded("streams", most, used, detail, retry_after=FULL_RETRY_S)
        if not self._places.take(tenant):
            self._counted.free(tenant)
            raise Unavailable("too many event streams are open", retry_after=FULL_RETRY_S)
        event_streams_open.inc()

    def free_place(self, tenant: str) -> None:
        """Give a place back."""
        event_streams_open.dec()
        self._places.free(tenant)
        self._counted.free(tenant)

    def open_of(self, tenant: str) -> int:
        """Return how many streams of a tenant are open in all processes."""
        return self._counted.taken(tenant)

    def stream(
        self,
        row: JobRow,
        number: int,
        connection: socket.socket | None,
        shown: Shown = TRANSFER,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[str]:
        """Yield events after `number` until the job ends or is deleted, the server stops or the client leaves.

        It also ends once `may_go_on` returns False, which is asked every CHECK_S: the caller's key was revoked.
        """
        yield f"retry: {RECONNECT_MS}\n\n"
        quiet_until = time.monotonic() + self._heartbeat_s
        with self._watch.watching(row) as job:
            while True:
                ended = row.status in ENDED and not shown.is_followed(row)
                for event in events_after(row, number, shown, ended=ended):
                    yield str(event)
                    number = event.number
                if ended:
                    return
                try:
                    newer = job.newer(row, min(self._heartbeat_s, CHECK_S))
                except NotFound:
                    yield ": the job was deleted\n\n"
                    return
                if self._watch.closed or hung_up(connection) or not may_go_on():
                    return
                if newer is not row:
                    row, quiet_until = newer, time.monotonic() + self._heartbeat_s
                elif time.monotonic() >= quiet_until:
                    yield ": still there\n\n"
                    quiet_until = time.monotonic() + self._heartbeat_s


def _preview_resource(path: str, preview: Preview) -> dict[str, Any]:
    return {
        "url": f"{path}?event={preview.event}",
        "iteration": preview.iteration,
        "width": preview.width,
        "height": preview.height,
    }
