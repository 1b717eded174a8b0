"""A web server of ours over a small application, with deadlines that a test can wait for."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO
from urllib.parse import parse_qs

from front_door import RunningService, eventually

from service.api.context import KEY
from service.api.http.held_responses import FreeResponses, HeldResponses
from service.commands.web import gunicorn_command
from service.config import Settings
from service.errors import Unavailable
from service.storage.schema import DEFAULT_TENANT
from service.web.deadlines import Deadlines
from service.web.worker import Worker

SETTINGS: dict[str, Any] = {
    "web_workers": 1, "web_threads": 2, "streams": 1, "max_body_mb": 1, "keepalive_s": 3
}  # fmt: skip
LIMIT = 2**20  # bytes of a body
THREADS = 5
PATIENCE_S = 60  # of a client; idle connections are closed after 75 s where nothing else is set
ROOM_MB = 60  # of responses that are held


class QuickWorker(Worker):
    """A server with little patience, whose requests name their tenants."""

    deadlines = Deadlines(
        head_s=1, pause_s=1, patience_s=1.5, closing_s=1, linger_s=4, stop_idle_s=0.5, stop_body_s=3
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant_of = lambda headers: dict(headers).get("X-TENANT", DEFAULT_TENANT)


class Application:
    """Answer with the request, after `seconds`, and with `megabytes` more.

    A request that `waits_for` a word waits for one that `releases` it: use a word of its own in each test. With
    `held` it holds its megabytes of the ROOM_MB until it is answered, as large files are held.
    """

    def __init__(self) -> None:
        self.extensions = {KEY: SimpleNamespace(watch=SimpleNamespace(close=lambda: None))}  # for gunicorn's hooks
        self._answers = HeldResponses(ROOM_MB, "megabytes", slow_s=1)
        self._answer_and_free = FreeResponses(self._answer)
        self._released: dict[str, threading.Event] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self._answer_and_free(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        asked = Asked(environ["QUERY_STRING"])
        body = b"" if asked.number("unread") else environ["wsgi.input"].read()
        time.sleep(asked.number("seconds"))
        if word := asked.word("releases"):
            self._event(word).set()
        if word := asked.word("waits_for"):
            self._event(word).wait(PATIENCE_S)
        if asked.number("held"):
            try:
                tenant = environ.get("HTTP_X_TENANT", DEFAULT_TENANT)
                self._answers.hold(environ, tenant, round(asked.number("megabytes")))
            except Unavailable:
                start_response("503 Service Unavailable", [("Content-Length", "0")])
                return []
        if asked.number("fails"):
            raise ZeroDivisionError
        said: dict[str, str | int] = {name: value for name, value in environ.items() if isinstance(value, str)}
        said |= {"pid": os.getpid(), "body_length": len(body), "body": hashlib.sha256(body).hexdigest()}
        answer = json.dumps(said).encode() + bytes(round(asked.number("megabytes") * 2**20))
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _event(self, word: str) -> threading.Event:
        return self._released.setdefault(word, threading.Event())


class Asked:
    """The fields of a query."""

    def __init__(self, query: str) -> None:
        self._fields = parse_qs(query)

    def word(self, name: str) -> str:
        return self._fields.get(name, [""])[0]

    def number(self, name: str) -> float:
        return float(self.word(name) or 0)


application = Application()


class Wire:
    """A server of this machine, to which a test sends bytes."""

    def __init__(self, port: int) -> None:
        self.port = port

    @contextmanager
    def connection(self) -> Iterator[Client]:
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as sock,
            sock.makefile("rb") as file,
        ):
            yield Client(sock, file)

    def raw(self, sent: bytes) -> Answer:
        """The first answer to some bytes, after which the client says that it sends no more."""
        with self.connection() as client:
            client.send(sent)
            client.sock.shutdown(socket.SHUT_WR)
            return client.answer()


class WebServer(RunningService, Wire):
    """gunicorn with our worker alone, over the application above."""

    def __init__(self, data: Path, descriptors: int | None = None) -> None:
        super().__init__(data, data, **SETTINGS)
        command = gunicorn_command(Settings(port=self.port, **SETTINGS))
        ours = {"service.web.app:create_app()": "web.serving:application"}
        ours["service.web.worker.Worker"] = "web.serving.QuickWorker"
        self.command = [*(ours.get(word, word) for word in command), "--pythonpath", "tests"]
        if descriptors:
            self.command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *self.command]

    def __enter__(self) -> WebServer:
        self.start(wait=False)
        eventually(lambda: self.answers("/livez"), 30, "no web server")
        return self


@dataclass(frozen=True)
class Answer:
    """A response; `status` is 0 where the server closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A connection over which a test sends what it likes."""

    def __init__(self, sock: socket.socket, file: BinaryIO) -> None:
        self.sock = sock
        self._file = file

    def send(self, *parts: bytes, pause: float = 0.0) -> None:
        for part in parts:
            self.sock.sendall(part)
            time.sleep(pause)

    def answer(self) -> Answer:
        """The next response, 100 (Continue) too."""
        line = self._file.readline()
        if not line:
            return Answer(0, {}, b"")
        headers = {}
        while (field := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(line.split()[1]), headers, self._file.read(int(headers.get("content-length", 0))))

    def begins(self) -> int:
        """Return the status of the next response, of which no more is read."""
        return int(self.sock.recv(12).decode().split()[1])

    def rest(self) -> bytes:
        """Return all that still comes until the server closes."""
        return self._file.read()

    def ended(self) -> bool:
        """Return whether the server closes without another word."""
        return self._file.read(1) == b""


def request(method: str = "GET", path: str = "/", body: bytes | None = None, *fields: str) -> bytes:
    """A request's bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def chunked(*chunks: bytes, fields: str = "") -> bytes:
    """A POST whose body comes in these chunks."""
    head = request("POST", "/", None, "Transfer-Encoding: chunked", *([fields] if fields else []))
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def assert_problem(answer: Answer, status: int) -> None:
    """A problem of the web server's own, after which the connection ends."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    problem = answer.json
    assert set(problem) == {"type", "title", "status", "detail"} | ({"request_id"} if status == 500 else set())
    assert problem["type"] == f"urn:nst:problem:{problem['title'].lower().replace(' ', '-')}"
    assert problem["status"] == status
    assert problem["detail"]
