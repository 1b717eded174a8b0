"""The reader of requests: many connections at a time, within deadlines and a memory limit."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from http import HTTPStatus

from gunicorn.http.errors import NoMoreData

from service.web.bodies import READ_AT_ONCE
from service.web.connection import Connection, State
from service.web.connections import Connections
from service.web.deadlines import SLOWEST, Deadlines, credited
from service.web.refusals import Refusal, send, too_busy

EXPIRIES = 16  # connections whose deadline has passed that are dealt with at a time

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reader:
    """The reader of requests, which never waits.

    Args:
        connections: the connections that it reads.
        deadlines: how long their clients may take.
        ask: called with a connection whose request has a body that isn't whole, for `go_on` or another end.
        hand_over: called with a connection whose request is whole.
        refuse: called with a connection whose request can't be read, and the reason.
    """

    def __init__(
        self,
        connections: Connections,
        deadlines: Deadlines,
        ask: Callable[[Connection], None],
        hand_over: Callable[[Connection], None],
        refuse: Callable[[Connection, Exception], None],
    ) -> None:
        self._connections = connections
        self._deadlines = deadlines
        self._ask = ask
        self._hand_over = hand_over
        self._refuse = refuse
        self._paused: deque[Connection] = deque()
        self._buffer = memoryview(bytearray(READ_AT_ONCE))
        self._stopping = False

    def read(self, connection: Connection) -> None:
        """Read what has arrived; if that isn't the whole request, watch for the rest."""
        room = self._buffer[: self._wanted(connection)]
        if not room:
            self._pause(connection)
            return
        try:
            received = connection.sock.recv_into(room)
        except BlockingIOError:
            self._connections.watch(connection)
            return
        except OSError:
            self._connections.close(connection)
            return
        if not received:
            self._on_end(connection)
        elif connection.state is not State.CLOSING:
            self.take(connection, room[:received])
        elif not self._stopping:
            self._connections.drop(connection, received)

    def _wanted(self, connection: Connection) -> int:
        if connection.state is State.CLOSING:
            return READ_AT_ONCE
        wanted = connection.incoming.wanted
        return min(wanted, max(0, self._connections.memory)) if connection.state is State.BODY else wanted

    def _on_end(self, connection: Connection) -> None:
        """Close a connection whose client sends no more, or refuse the request that it has begun."""
        if connection.state is not State.CLOSING and connection.incoming.begun:
            self._refuse(connection, NoMoreData())
        else:
            self._connections.close(connection)

    def take(self, connection: Connection, data: memoryview) -> None:
        """Add bytes to the connection's request, and hand it over if it is whole; ask before its body is read."""
        incoming = connection.incoming
        try:
            behind = incoming.take(data)
        except Exception as error:  # noqa: BLE001 - one request must not end the process
            self._refuse(connection, error)
            return
        connection.behind = behind or b""
        self._connections.hold(connection, incoming.length + len(connection.behind))
        if behind is not None:
            self._connections.unwatch(connection)
            self._hand_over(connection)
            return
        if incoming.request is not None and connection.state is not State.BODY:
            self._connections.unwatch(connection)
            self._ask(connection)
            return
        self._set_deadline(connection, len(data))
        self._connections.watch(connection)

    def go_on(self, connection: Connection) -> None:
        """Begin to read the body of the connection's request."""
        connection.enter(State.BODY, self._deadlines.pause_s)
        connection.body_since = time.monotonic()
        connection.patience = self._deadlines.patience_s
        if connection.incoming.expects_continue:
            send(connection.sock, CONTINUE)
        self._connections.watch(connection)

    def _set_deadline(self, connection: Connection, received: int) -> None:
        if connection.state is State.BODY:
            if not self._stopping:
                deadline = credited(connection.deadline, received, self._deadlines.pause_s)
                connection.deadline = min(deadline, connection.body_since + self._deadlines.body_s)
        elif connection.state is State.IDLE:
            connection.enter(State.HEAD, self._deadlines.head_s)

    def _pause(self, connection: Connection) -> None:
        self._connections.unwatch(connection)
        connection.enter(State.PAUSED, connection.patience)
        self._paused.append(connection)

    def resume(self) -> None:
        """Read on in paused bodies for which there is memory now."""
        free = self._connections.memory
        while self._paused and free > 0:
            connection = self._paused.popleft()
            if connection.state is State.PAUSED:
                free -= connection.incoming.wanted
                connection.patience = connection.deadline - time.monotonic()
                connection.enter(State.BODY, self._deadlines.pause_s)
                self._connections.watch(connection)

    def longest_wait(self, *, for_places: bool) -> float:
        """Return for how many seconds a request has waited for memory or, with `for_places`, for another's place."""
        now, patience = time.monotonic(), self._deadlines.patience_s
        states = (State.PAUSED, State.READY) if for_places else (State.PAUSED,)
        waiting = (c for c in self._connections if c.state in states)
        return max((patience - (c.deadline - now) for c in waiting), default=0.0)

    def check_deadlines(self) -> bool:
        """Refuse or close up to EXPIRIES connections whose time is up; return whether there are more."""
        now = time.monotonic()
        late = [connection for connection in self._connections if connection.deadline <= now]
        for connection in late[:EXPIRIES]:
            self._expire(connection)
        self.resume()
        if self._paused:
            self._refuse_oldest_body(now)
        return len(late) > EXPIRIES

    def _expire(self, connection: Connection) -> None:
        if connection.state in (State.PAUSED, State.READY):
            self._refuse(connection, too_busy())
        elif connection.state is State.HEAD and connection.incoming.begun:
            detail = f"the request's head did not arrive within {self._deadlines.head_s:g} s"
            self._refuse(connection, Refusal(HTTPStatus.REQUEST_TIMEOUT, detail))
        elif connection.state is State.BODY:
            self._refuse(connection, too_busy() if self._stopping else self._too_slow(connection))
        else:
            self._connections.close(connection)

    def _too_slow(self, connection: Connection) -> Refusal:
        longest = self._deadlines.body_s
        if time.monotonic() < connection.body_since + longest:
            return Refusal(
                HTTPStatus.REQUEST_TIMEOUT, f"the request's body comes slower than {SLOWEST} bytes a second"
            )
        detail = f"the request's body did not arrive within {longest:g} s (NST_BODY_S)"
        return Refusal(HTTPStatus.REQUEST_TIMEOUT, detail)

    def _refuse_oldest_body(self, now: float) -> None:
        """Refuse a body that has been read for more than pause_s, so that paused ones get its memory.

        It is the oldest one of the tenant whose bodies hold most.
        """
        reading, held = [], Counter[str]()
        for connection in self._connections:
            if connection.state in (State.BODY, State.PAUSED) and connection.held:
                reading.append(connection)
                held[connection.tenant] += connection.held
        most = held.most_common(1)[0][0] if held else None
        theirs = (c for c in reading if c.tenant == most)
        oldest = min(theirs, key=lambda connection: connection.body_since, default=None)
        if oldest and now - oldest.body_since > self._deadlines.pause_s:
            self._refuse(oldest, too_busy())
            self.resume()

    def stop_soon(self) -> None:
        """Bring the deadlines forward: the worker stops."""
        self._stopping = True
        now = time.monotonic()
        for connection in self._connections:
            if connection.state is not State.WORKING:
                reading = connection.state in (State.BODY, State.PAUSED, State.READY)
                left = self._deadlines.stop_body_s if reading else self._deadlines.stop_idle_s
                connection.deadline = min(connection.deadline, now + left)
