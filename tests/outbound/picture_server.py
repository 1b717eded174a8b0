"""A host of pictures on loopback: it answers each path as the test says, and keeps what it was asked."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

from loopback import Handler, LoopbackServer

Answer: TypeAlias = tuple[int, dict[str, str], bytes | Iterator[bytes]]
"""Status, headers and body; a body in pieces is sent without its length."""


class PictureServer(LoopbackServer):
    """A server; `paths` maps a path without its query to its answer, or to what makes one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.paths: dict[str, Answer | Callable[[], Answer]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        super().__init__(self._handler(), tls)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def add(self, path: str, data: bytes, seconds: float = 0.0) -> str:
        """Serve a file, after a while; return its URL."""

        def answer() -> Answer:
            time.sleep(seconds)
            return 200, {"Content-Type": "application/octet-stream"}, data

        self.paths[path] = answer
        return self.url(path)

    def redirect(self, path: str, to: str, status: int = 302) -> str:
        self.paths[path] = (status, {"Location": to}, b"")
        return self.url(path)

    def _handler(self) -> type[Handler]:
        server = self

        class Answering(Handler):
            def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
                server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                found = server.paths.get(self.path.partition("?")[0], (404, {}, b"nothing"))
                with server._lock:
                    server._at_once += 1
                    server.most_at_once = max(server.most_at_once, server._at_once)
                answer = found() if callable(found) else found
                with server._lock:  # before the answer: the next request may come as soon as it has arrived
                    server._at_once -= 1
                self._send(*answer)

            def _send(self, status: int, headers: dict[str, str], body: bytes | Iterator[bytes]) -> None:
                self.send_response(status)
                if isinstance(body, bytes):
                    headers = {"Content-Length": str(len(body)), **headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):  # the other end has had enough
                    for piece in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(piece)
                        self.wfile.flush()

        return Answering
