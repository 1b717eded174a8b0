"""The reader of a web process without its worker: a test takes the loop's turns itself."""

from __future__ import annotations

import contextlib
import selectors
import socket
from types import TracebackType

from gunicorn.config import Config

from service.web.connection import ClientSocket, Connection, State
from service.web.connections import Connections
from service.web.deadlines import Deadlines
from service.web.reader import Reader

LIMIT = 2**26  # bytes of a body
CLIENT = ("127.0.0.1", 1)


class Reading:
    """Read from connections of this process; `memory` is how many bytes their bodies may hold.

    Attributes:
        refused, reasons: the connections that were given up, and why each was.
    """

    def __init__(self, memory: int, deadlines: Deadlines | None = None) -> None:
        poller = selectors.DefaultSelector()
        deadlines = deadlines or Deadlines()
        self.connections = Connections(poller, 100, memory, deadlines, self._read)
        self.reader = Reader(self.connections, deadlines, self._go_on, self._hand_over, self._refuse)
        self.refused: list[Connection] = []
        self.reasons: list[Exception] = []
        self._poller = poller
        self._clients: dict[Connection, socket.socket] = {}

    def __enter__(self) -> Reading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for connection, client in self._clients.items():
            client.close()
            self.connections.close(connection)
        self._poller.close()

    def connect(self) -> Connection:
        """A new connection."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        connection = Connection(Config(), ClientSocket.of(ours), CLIENT, CLIENT, LIMIT)
        connection.enter(State.HEAD, 10)
        self.connections.add(connection)
        self._clients[connection] = theirs
        return connection

    def receive(self, connection: Connection, data: bytes) -> None:
        """Have the client send this, and read it, until all is read or the connection must wait for memory."""
        left = memoryview(data)
        while left and connection.state is not State.PAUSED:
            with contextlib.suppress(BlockingIOError):
                left = left[self._clients[connection].send(left) :]
            self.reader.read(connection)
        while connection.watched and self._has_unread(connection):
            self.reader.read(connection)

    def _has_unread(self, connection: Connection) -> bool:
        try:
            return bool(connection.sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False

    def _read(self, connection: Connection) -> None:
        self.reader.read(connection)

    def _go_on(self, connection: Connection) -> None:
        self.reader.go_on(connection)

    def _hand_over(self, connection: Connection) -> None:
        connection.enter(State.READY)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        self.refused.append(connection)
        self.reasons.append(error)
        self.connections.end(connection)
