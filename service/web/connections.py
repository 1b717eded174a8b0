"""The connections of a worker: which ones the main loop watches, what memory they hold, and which are closed."""

from __future__ import annotations

import heapq
import resource
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from service.web.connection import Connection, State
from service.web.deadlines import Deadlines

EVICTED = 64  # the part of all connections that is closed where there are too many: one 64th
MOST_DROPPED = 2**30  # bytes that a client may go on sending after its last response
SPARE_DESCRIPTORS = 128  # for everything but connections and threads


class Connections:
    """All open connections of a worker.

    Args:
        poller: the selector of the main loop.
        most: how many connections there may be.
        memory: how many bytes of bodies they may hold.
        deadlines: how long a client may take to read its last response, and to stop sending.
        on_readable: called with a connection that is watched, and whose client sent something or closed.

    Attributes:
        memory: how many bytes of bodies they may still hold.
    """

    def __init__(
        self,
        poller: selectors.BaseSelector,
        most: int,
        memory: int,
        deadlines: Deadlines,
        on_readable: Callable[[Connection], None],
    ) -> None:
        self._deadlines = deadlines
        self.memory = memory
        self._most = most
        self._poller = poller
        self._on_readable = on_readable
        self._open: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def is_full(self) -> bool:
        """Return whether there is no place for another one, and none to close, as all have a whole request."""
        return len(self._open) >= self._most and not any(self._waiting())

    def add(self, connection: Connection) -> int:
        """Add a connection; return how many others had to be closed for it."""
        self._open.add(connection)
        return self.evict() if len(self._open) > self._most else 0

    def evict(self) -> int:
        """Close some connections without a whole request, those that are guarded least; return how many."""
        victims = heapq.nsmallest(max(1, self._most // EVICTED), self._waiting(), key=lambda c: c.guarded_until)
        for connection in victims:
            self.close(connection)
        return len(victims)

    def _waiting(self) -> Iterator[Connection]:
        """Return the connections that wait for their clients."""
        return (c for c in self._open if c.state not in (State.WORKING, State.READY))

    def watch(self, connection: Connection) -> None:
        if not connection.watched:
            self._poller.register(connection.sock, selectors.EVENT_READ, partial(self._on_event, connection))
            connection.watched = True

    def unwatch(self, connection: Connection) -> None:
        if connection.watched:
            self._poller.unregister(connection.sock)
            connection.watched = False

    def _on_event(self, connection: Connection, _: Any) -> None:
        if connection.watched:  # it may be closed since the loop looked
            self._on_readable(connection)

    def hold(self, connection: Connection, held: int) -> None:
        """Count `held` bytes of memory for the connection, in place of those counted before."""
        self.memory += connection.held - held
        connection.held = held

    def forget(self, connection: Connection) -> None:
        """Free the memory of the connection's request."""
        connection.forget()
        self.hold(connection, 0)

    def end(self, connection: Connection) -> None:
        """Close our side, and let the client read its last response: to close both at once could destroy that.

        Many clients send all of a body before they read. So what still comes is read and thrown away.
        """
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close(connection)
            return
        self.forget(connection)
        connection.enter(State.CLOSING, self._deadlines.closing_s)
        self.watch(connection)

    def drop(self, connection: Connection, received: int) -> None:
        """Give a client that still sends after its last response more time, within bounds of time and size."""
        connection.dropped += received
        if connection.dropped > MOST_DROPPED:
            self.close(connection)
            return
        silent_until = time.monotonic() + self._deadlines.closing_s
        connection.deadline = min(silent_until, connection.since + self._deadlines.linger_s)

    def close(self, connection: Connection) -> None:
        self.unwatch(connection)
        self.forget(connection)
        connection.enter(State.CLOSED)
        connection.sock.close()
        self._open.discard(connection)


def most_connections(wanted: int, threads: int) -> int:
    """Return how many connections there may be: `wanted`, or fewer if there aren't file descriptors for them."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(wanted, max(1, descriptors - threads - SPARE_DESCRIPTORS))
