"""A real HTTP server of one file that counts the bytes it sends and misbehaves as a test asks."""

import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CHUNK = 65_536


@dataclass
class RangeServer:
    """read(start, end) gives the file's bytes; `answers`: statuses and headers sent before the file is."""

    read: Callable[[int, int], bytes]
    length: int
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    ranges: bool = True
    content_range: str | None = None  # instead of the true one
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)  # bytes of the file after which a connection is cut
    stall_after: int | None = None
    redirect_to: str | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    sent: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def send(self, start: int, end: int, write: Callable[[bytes], object]) -> bool:
        """Return whether all of it went out."""
        for at in range(start, end, _CHUNK):
            if self.stall_after is not None and self.sent >= self.stall_after:
                self.stalled.set()
                self.released.wait(60)
                return False
            block = self.read(at, min(at + _CHUNK, end))
            if self.cut_after and self.sent + len(block) >= self.cut_after[0]:
                block = block[: max(0, self.cut_after.pop(0) - self.sent)]
                write(block)
                self.sent += len(block)
                return False
            write(block)
            self.sent += len(block)
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        file = self.server.file
        file.requests.append(dict(self.headers))
        if file.redirect_to:
            self._head(302, file.headers | {"Location": file.redirect_to, "Content-Length": "0"})
        elif file.answers:
            status, headers = file.answers.pop(0)
            self._head(status, headers | {"Content-Length": "0"})
        else:
            self._file(file)

    def _file(self, file: RangeServer) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        headers, start, end, status = dict(file.headers), 0, file.length, 200
        if (
            found
            and file.ranges
            and self.headers.get("If-Range", file.headers.get("ETag")) == file.headers.get("ETag")
        ):
            status, start, end = 206, int(found[1]), min(int(found[2]) + 1, file.length)
            headers["Content-Range"] = file.content_range or f"bytes {start}-{end - 1}/{file.length}"
        self._head(status, headers | {"Content-Length": str(end - start)})
        try:
            self.close_connection = not file.send(start, end, self.wfile.write)
        except ConnectionError:
            self.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    file: RangeServer

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client may hang up as it likes
            super().handle_error(request, client_address)


@contextmanager
def serving(file: RangeServer) -> Iterator[RangeServer]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.file = file
    file.url = f"http://127.0.0.1:{server.server_port}/vgg19.safetensors"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield file
    finally:
        file.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def of_bytes(content: bytes, **settings: object) -> RangeServer:
    return RangeServer(lambda start, end: content[start:end], len(content), **settings)  # type: ignore[arg-type]
