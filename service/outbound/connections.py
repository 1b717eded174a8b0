"""HTTP connections to exactly the addresses that were checked, with a time limit that the other end can't stretch."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer

from service import __version__
from service.machine.new_threads import start
from service.outbound.urls import Target

AGENT = f"neural-style-service/{__version__}"
"""The User-Agent of all requests."""


class Connector:
    """A maker of connections, which knows the certificates that are trusted.

    It uses no HTTP client: the connection must go to exactly the address that was checked, and a host that sends its
    response byte by byte must not block it, not even in the TLS handshake.
    """

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """What the system trusts, read at the first https: a web process that never needs it starts sooner."""
        return ssl.create_default_context()

    @contextmanager
    def connected(self, target: Target, addresses: Sequence[str], end: float) -> Iterator[HTTPConnection]:
        """Connect to the first address that accepts, and break the connection off at `end` (time.monotonic()).

        Raises:
            TimeoutError: `end` came before the block's end, and made it fail.
            OSError, HTTPException: no address accepts, or the connection fails.
            Unavailable: the system has no room for a thread.
        """
        with closing(self._connect(target, addresses, end)) as connection, _until(end, connection.sock):
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            yield connection

    def _connect(self, target: Target, addresses: Sequence[str], end: float) -> HTTPConnection:
        """Connect; with TLS, the handshake is still to come."""
        left_s = max(0.001, end - time.monotonic())
        connected = _first_that_connects(addresses, target.port, left_s / len(addresses))
        connected.settimeout(left_s)
        if target.scheme == "http":
            connection = HTTPConnection(target.host, target.port)
        else:
            connection = HTTPSConnection(target.host, target.port, context=self._tls)
            connected = self._tls.wrap_socket(connected, server_hostname=target.host, do_handshake_on_connect=False)
        connection.sock = connected
        return connection


def _first_that_connects(addresses: Sequence[str], port: int, timeout_s: float) -> socket.socket:
    *others, last = addresses
    for address in others:
        with suppress(OSError):  # such as an IPv6 address without IPv6; only the last error is reported
            return socket.create_connection((address, port), timeout_s)
    return socket.create_connection((last, port), timeout_s)


@contextmanager
def _until(end: float, connected: socket.socket) -> Iterator[None]:
    """Break the connection off at `end` (time.monotonic()). Raises TimeoutError if that made the block fail."""
    expired = Event()

    def break_off() -> None:
        expired.set()
        with suppress(OSError):  # it has ended by now
            socket.socket.shutdown(connected, socket.SHUT_RDWR)  # TLS sockets' own would wait for the reading thread

    timer = Timer(max(0.0, end - time.monotonic()), break_off)
    timer.daemon = True
    start(timer)
    try:
        yield
    except (OSError, HTTPException) as error:
        if expired.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
