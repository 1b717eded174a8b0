"""gunicorn's threaded worker, with whole requests: a slow client waits in the main loop, never in a thread.

The main loop reads each request, head and body, into memory, without blocking, and gives it to a thread when it is
complete. Once the head is whole and the body isn't, a thread asks the application whether it wants the body
(`service.api.admission`). Everything that a client can delay has a deadline, and everything that it can use up has
a bound:

- connections: past the bound, those that are nearest to their deadline are closed;
- memory for bodies: past the bound, bodies wait unread, and the oldest unfinished one is refused;
- requests with a body that threads work on at a time, of a tenant and in all: the others wait, complete, outside the
  threads;
- threads: if all are taken, the response that has waited longest for its client to read is cut.
"""

from __future__ import annotations

import heapq
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from service.api.admission import ADMITTED, HEAD_ONLY
from service.api.http.fullness import Fullness
from service.config import Settings
from service.machine.new_threads import Threads
from service.storage.schema import DEFAULT_TENANT
from service.web.body_places import BodyPlaces
from service.web.connection import ClientSocket, Connection, State
from service.web.connections import Connections, most_connections
from service.web.deadlines import Deadlines
from service.web.reader import Reader
from service.web.refusals import refusal_for, send

SWEEP_S = 0.5  # seconds between two looks at the deadlines
BUSY_SWEEP_S = 0.1  # seconds between two looks while requests wait for a thread
UNREAD_S = 0.2  # seconds that a client has to read its response, even if other requests need its thread
FULL_S = 5.0  # seconds for which a request has waited for a place, after which the process says that it is full
ACCEPTS = 16  # connections that are accepted at a time


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker process; all but `handle`, `handle_request` and `_is_admitted` run in its main thread.

    Attributes:
        fullness: where it notes that requests with a body find no place.
        asks: whether the application says which bodies it wants; else all are read.
        tenant_of: tells by a request's headers whose it is.
    """

    deadlines = Deadlines()
    alive: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = Settings.from_environment()
        self.deadlines = replace(self.deadlines, body_s=settings.body_s)
        self._limit = settings.max_body
        self._places = BodyPlaces(settings.web_threads)
        self._memory = max(2, settings.web_threads // 2) * self._limit  # bytes, for bodies
        self._working = 0
        self._next_sweep = 0.0
        self.fullness = Fullness()
        self.asks = False
        self.tenant_of: Callable[[list[tuple[str, str]]], str] = lambda headers: DEFAULT_TENANT

    def get_thread_pool(self) -> Threads:
        """Return the pool whose threads answer requests."""
        return Threads(self.cfg.threads)

    def run(self) -> None:
        """Serve until the worker is told to stop, then end what is under way within the graceful timeout."""
        most = most_connections(self.cfg.worker_connections, self.cfg.threads)
        if most < self.cfg.worker_connections:
            self.log.warning("at most %d connections: there are no file descriptors for more", most)
        self._connections = Connections(self.poller, most, self._memory, self.deadlines, self._read)
        self._reader = Reader(self._connections, self.deadlines, self._ask, self._hand_over, self._refuse)
        queue = self.method_queue
        self.poller.register(queue.fileno(), selectors.EVENT_READ, queue.run_callbacks)
        self.set_accept_enabled(True)
        while self.alive and self.is_parent_alive():
            self._turn()
        self._stop()
        self.tpool.shutdown(wait=False)
        self.poller.close()
        queue.close()
        for listener in self.sockets:
            listener.close()

    def _turn(self) -> None:
        self.wait_for_and_dispatch_events(max(0.0, self._next_sweep - time.monotonic()))
        if time.monotonic() >= self._next_sweep:
            self.notify()
            if self._reader.longest_wait(for_places=self._places.are_all_taken) > FULL_S:
                self.fullness.note()
            more = self._reader.check_deadlines()
            self.set_accept_enabled(self.alive)
            self._next_sweep = time.monotonic() + (0 if more else BUSY_SWEEP_S if self._free_threads() else SWEEP_S)

    def _stop(self) -> None:
        self.alive = False
        self.set_accept_enabled(False)
        self._reader.stop_soon()
        end = time.monotonic() + self.cfg.graceful_timeout
        while self._connections and time.monotonic() < end:
            self._turn()
        for connection in list(self._connections):
            if connection.state is State.WORKING:  # its thread must find a broken connection, not a closed file
                connection.cut()
            else:
                self._connections.close(connection)

    def accept(self, listener: Any) -> None:
        """Accept new connections, and read them at once: most have sent their request already.

        If there is no place for more, they stay in the listener's queue until the next look at the deadlines.
        """
        for _ in range(ACCEPTS):
            if self._connections.is_full:
                self.set_accept_enabled(False)
                return
            try:
                accepted, client = listener.accept()
            except ConnectionAbortedError:
                continue
            except BlockingIOError:
                return
            except OSError as error:  # no descriptor is left, which the bound should prevent
                self.log.warning("a connection could not be accepted: %s", error)
                self._connections.evict()
                self.set_accept_enabled(False)
                return
            connection = Connection(self.cfg, ClientSocket.of(accepted), client, listener.getsockname(), self._limit)
            connection.enter(State.HEAD, self.deadlines.head_s)
            if closed := self._connections.add(connection):
                self.log.warning("%d connections were closed to make place for new ones", closed)
            if connection.state is State.HEAD:
                self._read(connection)

    def _read(self, connection: Connection) -> None:
        self._reader.read(connection)

    def _ask(self, connection: Connection) -> None:
        """Ask the application, in a thread, whether it wants the body of a request; then read it, or leave it."""
        if not self.asks:
            self._reader.go_on(connection)
            return
        self._working += 1
        connection.enter(State.WORKING)
        future = self.tpool.submit(self._is_admitted, connection)
        future.add_done_callback(lambda found: self.method_queue.defer(self._on_answer, connection, found))
        self._free_threads()

    def _is_admitted(self, connection: Connection) -> bool:
        request, sock = connection.incoming.request, connection.sock
        _, environ = wsgi.create(request, sock, connection.client, connection.server, self.cfg)
        environ[HEAD_ONLY] = True
        statuses: list[str] = []
        self.wsgi(environ, lambda status, headers: statuses.append(status))
        return statuses == [ADMITTED]

    def _on_answer(self, connection: Connection, future: Future[bool]) -> None:
        self._working -= 1
        if not future.cancelled() and future.exception() is None and future.result():
            connection.tenant = self._tenant_of(connection)
            self._reader.go_on(connection)
        else:  # what failed fails once more, with its answer
            connection.incoming.refuse_body()
            self._connections.hold(connection, 0)
            self._start(connection)

    def _hand_over(self, connection: Connection) -> None:
        """Give a whole request to a thread, at once or as soon as there is a place for its body."""
        if connection.incoming.length:
            connection.enter(State.READY, self.deadlines.patience_s)
            self._places.wait(connection, self._tenant_of(connection))
            self._start_ready()
        else:
            self._start(connection)

    def _tenant_of(self, connection: Connection) -> str:
        try:
            return self.tenant_of(connection.incoming.request.headers)
        except Exception:  # one request must not end the process
            self.log.exception("whose a request is can't be told")
            return DEFAULT_TENANT

    def _start_ready(self) -> None:
        while connection := self._places.take():
            self._start(connection)

    def _start(self, connection: Connection) -> None:
        self._working += 1
        connection.enter(State.WORKING)
        self.enqueue_req(connection)
        self._free_threads()

    def _free_threads(self) -> bool:
        """Cut the responses that wait longest for their clients, one for each request that waits for a thread.

        Return whether any request waits for a thread.
        """
        missing = self._working - self.cfg.threads
        if missing <= 0:
            return False
        now = time.monotonic()
        unread = [(since, c) for c in self._connections if (since := c.sock.unread_since) is not None]
        slow = [pair for pair in unread if now - pair[0] > UNREAD_S]
        for _, connection in heapq.nsmallest(missing, slow, key=lambda pair: pair[0]):
            self.log.warning("a response that its client reads slowly was cut, as all threads are taken")
            connection.cut()
        return True

    def handle(self, connection: Connection) -> bool:
        """Answer a request, in a thread; return whether its connection stays."""
        request = connection.incoming.request
        try:
            return bool(self.handle_request(request, connection))
        except StopIteration:  # how gunicorn reports a response that broke off
            return False
        except (ConnectionError, TimeoutError) as error:
            self.log.debug("%s: the client is gone: %s", connection.client, error)
        except Exception as error:  # noqa: BLE001 - reported to the log and to the client
            self.handle_error(request, connection.sock, connection.client, error)
        return False

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """Go on with a connection whose request was answered."""
        self._working -= 1
        self._places.free(connection)
        if not future.cancelled() and future.exception() is None and future.result():
            self._expect_next(connection)
        else:
            self._connections.end(connection)
        self._start_ready()
        self._reader.resume()

    def _expect_next(self, connection: Connection) -> None:
        behind = connection.expect_next()
        self._connections.hold(connection, 0)
        connection.enter(State.IDLE, self.cfg.keepalive if self.alive else self.deadlines.stop_idle_s)
        if behind:
            self._reader.take(connection, memoryview(behind))
        else:
            self._connections.watch(connection)

    def handle_error(self, request: Any, sock: socket.socket, client: Any, error: Exception) -> None:
        """Answer in place of the application, with a problem; the connection must end after that."""
        refusal = refusal_for(error)
        if refusal.status is HTTPStatus.INTERNAL_SERVER_ERROR:
            path = request.path if request else "before it was whole"
            about = {"request_id": refusal.request_id}
            self.log.error("a request failed: %s", path, exc_info=error, extra=about)
        else:
            slow = refusal.status is HTTPStatus.REQUEST_TIMEOUT  # there may be thousands
            log = self.log.debug if slow else self.log.info
            log("%s: %d, %s", client[0], refusal.status, refusal.detail)
        send(sock, refusal.response())

    def _refuse(self, connection: Connection, error: Exception) -> None:
        self.handle_error(None, connection.sock, connection.client, error)
        self._connections.end(connection)
