"""A client's connection: its socket, its state, and the state's deadline."""

from __future__ import annotations

import enum
import math
import select
import socket
import time
from typing import Any

from service.api.http.clients import cut
from service.storage.schema import DEFAULT_TENANT
from service.web.deadlines import credited
from service.web.incoming import Incoming

STALLED_S = 60.0  # seconds for which a client may leave its response unread

GUARD_S = 5.0  # seconds in which an idle connection counts as much as one whose request is being read


class State(enum.Enum):
    """The state of a connection."""

    IDLE = enum.auto()  # between two requests
    HEAD = enum.auto()  # its request's head is awaited; new connections begin here
    BODY = enum.auto()  # its request's body is being read
    PAUSED = enum.auto()  # the body waits unread until there is memory for it
    READY = enum.auto()  # the whole request waits until another one with a body is done
    WORKING = enum.auto()  # a thread has the request
    CLOSING = enum.auto()  # its last response was sent: what still comes is thrown away
    CLOSED = enum.auto()


class Connection:
    """A connection of the worker.

    Attributes:
        sock, client, server: gunicorn's names of its socket and its two addresses.
        since, deadline: when the state began and when it ends (monotonic).
        body_since: when its request's body began to be read (monotonic).
        dropped: bytes that came after its last response, and were thrown away.
        held: bytes of memory that are accounted to it.
        tenant: whose request it is, once its body is to be read.
        place_of: the tenant whose place it has, if it is one of the requests with a body that threads work on.
        behind: bytes that came after its request.
        patience: seconds that its request's body may still wait for memory.
    """

    def __init__(self, cfg: Any, sock: ClientSocket, client: Any, server: Any, limit: int) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.state = State.HEAD
        self.since = 0.0
        self.deadline = math.inf
        self.body_since = 0.0
        self.dropped = 0
        self.held = 0
        self.tenant = DEFAULT_TENANT
        self.place_of: str | None = None
        self.watched = False
        self.behind = b""
        self.patience = 0.0
        self._new = (cfg, client, limit)
        self.incoming = Incoming(*self._new)

    def enter(self, state: State, seconds: float = math.inf) -> None:
        """Begin a state, which may last for so many seconds."""
        self.state = state
        self.since = time.monotonic()
        self.deadline = self.since + seconds

    @property
    def guarded_until(self) -> float:
        """Return the time (monotonic) until which others are closed first, if some must be: the earliest goes first.

        It is the deadline of a request that is being read. An idle connection has a long deadline, but nobody waits
        for it, so it is guarded for GUARD_S only.
        """
        return self.since + GUARD_S if self.state is State.IDLE else self.deadline

    def expect_next(self) -> bytes:
        """Begin the next request; return what of it is already here."""
        behind = self.behind
        self.forget()
        return behind

    def forget(self) -> None:
        """Free the memory of the request, and of what came after it."""
        self.incoming.close()
        self.incoming = Incoming(*self._new)
        self.behind = b""

    def cut(self) -> None:
        """Break the connection under the thread that has it, whose next write then fails."""
        cut(self.sock)


class ClientSocket(socket.socket):
    """A non-blocking socket to which a thread can still write, as long as the client reads.

    `unread_since`: since when (monotonic) a thread waits for the client to read; None while none does.
    """

    unread_since: float | None = None

    @classmethod
    def of(cls, accepted: socket.socket) -> ClientSocket:
        """Take over a socket."""
        sock = cls(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        sock.setblocking(False)
        return sock

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send everything.

        Raises:
            BrokenPipeError: the client reads nothing for STALLED_S, or fewer than SLOWEST bytes a second.
        """
        left = memoryview(data)
        deadline = time.monotonic() + STALLED_S
        try:
            while left:
                try:
                    sent = self.send(left, flags)
                except BlockingIOError:
                    self._wait_until_read(deadline)
                    continue
                left = left[sent:]
                deadline = credited(deadline, sent, STALLED_S)
        finally:
            self.unread_since = None

    def _wait_until_read(self, deadline: float) -> None:
        now = time.monotonic()
        if self.unread_since is None:
            self.unread_since = now
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        if deadline <= now or not poll.poll(1000 * (deadline - now)):
            raise BrokenPipeError("the client doesn't read its response")
