"""The other end of webhooks: HTTP servers on loopback that keep what they are sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from loopback import Handler, LoopbackServer

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SECRETS = (SECRET, f"whsec_{base64.b64encode(bytes(32)).decode()}")  # while one replaces the other


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"


def signature(received: Received) -> str:
    """Return the `webhook-signature` that the specification demands."""
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    return "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()


class Receiver(LoopbackServer):
    """A receiver that answers POSTs and PUTs with the statuses given, one after another, and then with 204."""

    def __init__(self, *statuses: int, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self._statuses = list(statuses)
        super().__init__(self._handler(), tls)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def ids(self) -> list[str]:
        return [received.headers["webhook-id"] for received in self.received]

    def _handler(self) -> type[Handler]:
        receiver = self

        class Answering(Handler):
            def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body, self.command))
                self.send_response(receiver._statuses.pop(0) if receiver._statuses else 204)
                self.send_header("Location", receiver.url("/elsewhere"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_PUT(self) -> None:  # noqa: N802 - the name that http.server calls
                self.do_POST()

        return Answering


class Hanging:
    """A receiver that takes connections and never answers; `taken` is how many."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((host, 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._take_in)

    @property
    def taken(self) -> int:
        return len(self._open)

    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}/"

    def _take_in(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                self._open.append(self._listener.accept()[0])

    def __enter__(self) -> Hanging:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for connected in (*self._open, self._listener):
            connected.close()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Let `talk` deal with the first connection; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connected, _ = listener.accept()
        with connected, suppress(OSError):  # the other end hung up
            talk(connected)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):  # in case nobody ever came
            socket.create_connection(listener.getsockname(), 1).close()
        thread.join()
        listener.close()
