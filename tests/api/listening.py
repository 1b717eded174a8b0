"""A reader of event streams, and a web process whose streams are quick to say that they are still there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from front_door import RunningService

from service.api.context import KEY
from service.api.live.streams import BEGINNING, Streams
from service.api.live.watch import Watch
from service.jobs.queue import Queue
from service.web.app import create_app

HEARTBEAT_S = 0.3


@dataclass(frozen=True)
class Told:
    """One event, as the client has it."""

    number: int
    name: str
    data: dict[str, Any]


def told(lines: Iterable[str | bytes]) -> Iterator[Told]:
    """The events among the lines of a stream, each as soon as it is there."""
    fields: dict[str, str] = {}
    for raw in lines:
        line = raw.decode() if isinstance(raw, bytes) else raw
        name, colon, value = line.partition(": ")
        if name and colon:
            fields[name] = value
        elif not line and "event" in fields:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


class Stream:
    """An open stream of a job's events, from the beginning or after this one."""

    def __init__(self, service: RunningService, id: str, after: int | None = None) -> None:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        self.response = service.get(f"/v1/transfers/{id}/events", stream=True, headers=headers)
        assert self.response.status_code == 200, self.response.text
        self.lines = self.response.iter_lines(chunk_size=1)
        self.events = told(self.lines)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.response.close()


def whole(watch: Watch, queue: Queue, id: str, after: int = BEGINNING) -> list[Told]:
    """All of a stream, to its end."""
    return list(told("".join(Streams(watch, 1).stream(queue.get(id), after, None)).split("\n")))


def quick_app() -> Flask:
    """The service over the environment's settings, but for the heartbeat."""
    app = create_app()
    context = app.extensions[KEY]
    streams = Streams(context.watch, context.settings.streams, HEARTBEAT_S)
    app.extensions[KEY] = replace(context, streams=streams)
    return app
