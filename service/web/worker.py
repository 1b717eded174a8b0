"""gunicorn's threaded worker, with whole requests: a slow client waits in the main loop, never in a thread.

The main loop reads each request, head and body, into memory, without blocking, and gives it to a thread when it is
complete. Everything that a client can delay has a deadline, and everything that it can use up has a bound:

- connections: past the bound, those that are nearest to their deadline are closed;
- memory for bodies: past it bodies wait unread, and the oldest unfinished one is refused;
- requests with a body that threads work on at a time: the others wait, complete, outside the threads;
- threads: where all are taken, the response that has waited longest for its client to read is cut.
"""

from __future__ import annotations

import contextlib
import heapq
import resource
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.workers.gthread import ThreadWorker

from service.config import Settings
from service.web.bodies import READ_AT_ONCE
from service.web.connection import SLOWEST, ClientSocket, Connection, State, credited
from service.web.refusals import Refusal, refusal_for

HEAD_S = 10.0  # for a request's head, from the connection or, on one that was kept, from the first byte
BODY_PAUSE_S = 10.0  # for which a body may stand still, or be behind SLOWEST
PATIENCE_S = 20.0  # that a request waits for memory, or for other requests with a body to end
CLOSING_S = 5.0  # that the client has to read its last response before the connection is cut
STOP_IDLE_S = 2.0  # for which a worker that stops still takes requests on its connections
STOP_BODY_S = 10.0  # and goes on to read bodies
SWEEP_S = 0.5  # between two looks at the deadlines
ACCEPTS = 64  # connections at a time
SPARE_DESCRIPTORS = 128  # for everything but connections and threads
RETRY_S = 5  # when to try again where the worker is full

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker process; all but `handle` runs in its main thread."""

    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = Settings.from_environment()
        self._limit = round(settings.max_body_mb * 2**20)
        self._places = settings.web_threads
        self._memory = max(2, self._places // 2) * self._limit  # bytes left for bodies
        self._bound = _most_connections(self.cfg)
        self._connections: set[Connection] = set()
        self._paused: deque[Connection] = deque()
        self._ready: deque[Connection] = deque()
        self._working = 0
        self._buffer = memoryview(bytearray(READ_AT_ONCE))
        self._next_sweep = 0.0

    def run(self) -> None:
        """Serve until the worker is told to stop, then end what is under way within the graceful timeout."""
        queue = self.method_queue
        self.poller.register(queue.fileno(), selectors.EVENT_READ, queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive and self.is_parent_alive():
            self._turn()
        self.alive = False
        self.set_accept_enabled(False)
        end = time.monotonic() + self.cfg.graceful_timeout
        self._hurry()
        while self._connections and time.monotonic() < end:
            self._turn()
        for connection in list(self._connections):
            self._close(connection)
        self.tpool.shutdown(wait=False)
        self.poller.close()
        queue.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self) -> None:
        self.wait_for_and_dispatch_events(max(0.0, self._next_sweep - time.monotonic()))
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            self.notify()
            self._sweep(now)

    # Connections

    def accept(self, listener: Any) -> None:
        """Take new connections, each of which has mostly sent its request already."""
        for _ in range(ACCEPTS):
            try:
                accepted, client = listener.accept()
            except ConnectionAbortedError:
                continue
            except BlockingIOError:
                return
            except OSError as error:  # no descriptor is left, which the bound should prevent
                self.log.warning("a connection could not be accepted: %s", error)
                self._evict()
                return
            connection = Connection(self.cfg, ClientSocket.of(accepted), client, listener.getsockname(), self._limit)
            connection.enter(State.HEAD, HEAD_S)
            self._connections.add(connection)
            if len(self._connections) > self._bound:
                self._evict()
            self._on_readable(connection)

    def _evict(self) -> None:
        """Close some of the connections that no thread has: those nearest to their deadline."""
        count = max(1, self._bound // 64)
        waiting = (c for c in self._connections if c.state not in (State.WORKING, State.READY))
        victims = heapq.nsmallest(count, waiting, key=lambda connection: connection.deadline)
        for connection in victims:
            self._close(connection)
        self.log.warning("%d connections were closed to make place for new ones", len(victims))

    def _watch(self, connection: Connection) -> None:
        if not connection.watched:
            on_readable = partial(self._on_readable, connection)
            self.poller.register(connection.sock, selectors.EVENT_READ, on_readable)
            connection.watched = True

    def _unwatch(self, connection: Connection) -> None:
        if connection.watched:
            self.poller.unregister(connection.sock)
            connection.watched = False

    def _close(self, connection: Connection) -> None:
        self._unwatch(connection)
        self._account(connection, 0)
        connection.state = State.CLOSED
        connection.sock.close()
        self._connections.discard(connection)

    def _end(self, connection: Connection) -> None:
        """Say that nothing more will come, and let the client read what did: to close at once could destroy that."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        self._account(connection, 0)
        connection.enter(State.CLOSING, CLOSING_S)
        self._watch(connection)

    # Reading

    def _on_readable(self, connection: Connection, _: Any = None) -> None:
        if connection.state is State.CLOSED:  # by what was handled since the loop last looked
            return
        room = self._buffer[: self._wanted(connection)]
        if not room:
            self._pause(connection)
            return
        try:
            received = connection.sock.recv_into(room)
        except BlockingIOError:
            self._watch(connection)
            return
        except OSError:
            self._close(connection)
            return
        if connection.state is State.CLOSING and received:
            return
        if received:
            self._take(connection, room[:received])
        elif connection.state in (State.HEAD, State.BODY) and connection.incoming.begun:
            self._refuse(connection, NoMoreData())
        else:
            self._close(connection)

    def _wanted(self, connection: Connection) -> int:
        if connection.state is State.CLOSING:
            return READ_AT_ONCE
        wanted = connection.incoming.wanted
        return min(wanted, max(0, self._memory)) if connection.state is State.BODY else wanted

    def _take(self, connection: Connection, data: memoryview) -> None:
        """Read on in a connection's request."""
        incoming = connection.incoming
        try:
            behind = incoming.take(data)
        except (ParseException, NoMoreData, Refusal) as error:
            self._refuse(connection, error)
            return
        connection.behind = behind or b""
        self._account(connection, incoming.length + len(connection.behind))
        if behind is not None:
            self._hand_over(connection)
            return
        if connection.state is State.BODY:
            if self.alive:
                connection.deadline = credited(connection.deadline, len(data), BODY_PAUSE_S)
        elif incoming.request is not None:
            self._begin_body(connection)
        elif connection.state is State.IDLE:
            connection.enter(State.HEAD, HEAD_S)
        self._watch(connection)

    def _begin_body(self, connection: Connection) -> None:
        connection.enter(State.BODY, BODY_PAUSE_S)
        connection.body_since = time.monotonic()
        if connection.incoming.expects_continue:
            _send(connection.sock, CONTINUE)

    def _account(self, connection: Connection, held: int) -> None:
        self._memory += connection.held - held
        connection.held = held

    def _pause(self, connection: Connection) -> None:
        self._unwatch(connection)
        connection.enter(State.PAUSED, PATIENCE_S)
        self._paused.append(connection)

    def _resume(self) -> None:
        """Read on in the bodies for which there is memory now."""
        while self._paused and self._memory > 0:
            connection = self._paused.popleft()
            if connection.state is State.PAUSED:
                connection.enter(State.BODY, BODY_PAUSE_S)
                self._watch(connection)

    # Working

    def _hand_over(self, connection: Connection) -> None:
        """Give a whole request to a thread, at once or as soon as there is a place for its body."""
        self._unwatch(connection)
        if connection.incoming.length:
            connection.enter(State.READY, PATIENCE_S)
            self._ready.append(connection)
            self._start_ready()
        else:
            self._start(connection)

    def _start_ready(self) -> None:
        while self._ready and self._places:
            connection = self._ready.popleft()
            if connection.state is State.READY:
                self._places -= 1
                connection.has_place = True
                self._start(connection)

    def _start(self, connection: Connection) -> None:
        if self._working >= self.cfg.threads:
            self._cut_slowest_reader()
        self._working += 1
        connection.enter(State.WORKING)
        self.enqueue_req(connection)

    def _cut_slowest_reader(self) -> None:
        unread = [(c.sock.unread_since, c.sock) for c in self._connections if c.sock.unread_since is not None]
        if unread:
            _, sock = min(unread, key=lambda pair: pair[0])
            self.log.warning("a response that its client reads slowly was cut, as all threads are taken")
            sock.shutdown(socket.SHUT_RDWR)

    def handle(self, connection: Connection) -> bool:
        """Answer a request, in a thread; return whether its connection stays."""
        request = connection.incoming.request
        try:
            return bool(self.handle_request(request, connection))
        except StopIteration:  # gunicorn's word for a response that broke off
            return False
        except (ConnectionError, TimeoutError) as error:
            self.log.debug("%s: the client is gone: %s", connection.client, error)
        except Exception as error:  # noqa: BLE001 - said to the log and to the client
            self.handle_error(request, connection.sock, connection.client, error)
        return False

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """Go on with a connection whose request was answered."""
        self._working -= 1
        self._places += connection.has_place
        connection.has_place = False
        if not future.cancelled() and future.exception() is None and future.result():
            behind = connection.expect_next()
            self._account(connection, 0)
            connection.enter(State.IDLE, self.cfg.keepalive if self.alive else STOP_IDLE_S)
            self._watch(connection)
            if behind:
                self._take(connection, memoryview(behind))
        else:
            self._end(connection)
        self._start_ready()
        self._resume()

    # Refusing

    def handle_error(self, request: Any, sock: socket.socket, client: Any, error: Exception) -> None:
        """Answer in place of the application, with a problem; the connection ends after that."""
        refusal = refusal_for(error)
        if refusal.status is HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("%s %s failed", request.method, request.path, exc_info=error)
        else:
            self.log.info("%s: %d, %s", client[0], refusal.status, refusal.detail)
        _send(sock, refusal.response())

    def _refuse(self, connection: Connection, error: Exception) -> None:
        self.handle_error(None, connection.sock, connection.client, error)
        self._end(connection)

    def _sweep(self, now: float) -> None:
        for connection in [c for c in self._connections if c.deadline <= now]:
            self._expire(connection)
        self._resume()
        if self._paused:
            self._refuse_oldest_body(now)

    def _expire(self, connection: Connection) -> None:
        if connection.state in (State.PAUSED, State.READY):
            self._refuse(connection, _full())
        elif connection.state is State.HEAD and connection.incoming.begun:
            detail = f"the request's head did not arrive within {HEAD_S:g} s"
            self._refuse(connection, Refusal(HTTPStatus.REQUEST_TIMEOUT, detail))
        elif connection.state is State.BODY:
            detail = f"the request's body comes slower than {SLOWEST} bytes a second"
            self._refuse(connection, Refusal(HTTPStatus.REQUEST_TIMEOUT, detail) if self.alive else _full())
        else:
            self._close(connection)

    def _refuse_oldest_body(self, now: float) -> None:
        """Give up the body that has been read for longest, so that those who wait for memory get some."""
        reading = [c for c in self._connections if c.state in (State.BODY, State.PAUSED) and c.held]
        oldest = min(reading, key=lambda connection: connection.body_since, default=None)
        if oldest and now - oldest.body_since > BODY_PAUSE_S:
            self._refuse(oldest, _full())
            self._resume()

    def _hurry(self) -> None:
        """Bring the deadlines forward: the worker stops."""
        now = time.monotonic()
        for connection in self._connections:
            idle = connection.state in (State.IDLE, State.HEAD, State.CLOSING)
            if connection.state is not State.WORKING:
                connection.deadline = min(connection.deadline, now + (STOP_IDLE_S if idle else STOP_BODY_S))


def _full() -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the web server is full; try again soon", RETRY_S)


def _send(sock: socket.socket, data: bytes) -> None:
    """Send a few bytes to a client that may be gone, or may not read."""
    with contextlib.suppress(OSError):  # then the connection ends without them
        sock.send(data)


def _most_connections(cfg: Any) -> int:
    """As many connections as were asked for, where there are descriptors for them."""
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most: int = min(cfg.worker_connections, max(1, descriptors - cfg.threads - SPARE_DESCRIPTORS))
    return most
