"""A server that answers each request with the next of its replies, and remembers the requests."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Reply:
    """An answer; with `cut` the connection ends after the body, of which more was announced, and after `silent_s`."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    silent_s: float = 0.0

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


PROBLEM = {"Content-Type": "application/problem+json"}
JOB = {"id": "one", "status": "queued", "progress": {"fraction": 0.0}, "result": None, "links": {}}
MADE = Reply(202, JOB)


def problem(status: int, **headers: str) -> Reply:
    """Return an answer that is an error; `Retry_After` stands for Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"title": "No", "status": status, "detail": "not now"}, PROBLEM | named)


DROPPED = Reply(status=0)  # the connection ends without an answer


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Scripted:
    """The server's URL, the replies to come, and the requests that came."""

    url: str
    replies: list[Reply]
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def answering(replies: Sequence[Reply]) -> Iterator[Scripted]:
    """Serve these replies, the last one again and again."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            super().handle_one_request()
            self.close_connection = True

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.seen.append(Seen(self.command, self.path, dict(self.headers)))
            reply = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
            if reply is DROPPED:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.data) + reply.cut))
            self.end_headers()
            self.wfile.write(reply.data)
            threading.Event().wait(reply.silent_s)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script = Scripted(f"http://127.0.0.1:{server.server_port}", list(replies))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def skipped_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the pauses to come, which only move the monotonic clock on."""
    found: list[float] = []
    clock = time.monotonic
    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(found))
    return found
