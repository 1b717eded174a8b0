"""Signing by the Standard Webhooks specification, and sending to a checked address."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from typing import Any

from standardwebhooks import Webhook

from service import __version__
from service.errors import InvalidInput
from service.storage.json_text import write_json
from service.telemetry.tracing import HEADER, Trace
from service.webhooks.hosts import AddressRefused, Hosts
from service.webhooks.urls import Target

TIMEOUT_S = 10.0  # seconds for connecting, sending and the response together
MAX_RESPONSE = 2**16  # bytes of the response's body that are read


class NotDelivered(Exception):
    """The receiver didn't accept the webhook; a retry may help. The text is written for the job's caller."""


class Undeliverable(NotDelivered):
    """The receiver will never accept the webhook, or its URL isn't allowed: no retry."""


class Sender:
    """A sender of webhooks. `timeout_s` is the time limit of each in seconds, without the lookup of its host.

    Each webhook has a signature by each of the `secrets`; receivers accept it if they know one of them.

    It connects without an HTTP client: the connection must go to exactly the address that was checked, and a receiver
    that sends its response byte by byte must not block it, not even in the TLS handshake.
    """

    def __init__(self, hosts: Hosts, secrets: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._hosts = hosts
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context()

    def send(self, url: str, id: str, payload: Mapping[str, Any] | None, trace: Trace | None = None) -> None:
        """Send a webhook; return when the receiver has answered with 2xx. `trace` is sent as `traceparent`.

        `payload` is None where the row is damaged.

        Raises:
            NotDelivered, Undeliverable
        """
        if payload is None:
            raise Undeliverable("what it would say can't be read: its row is damaged")
        target, addresses = self._resolved(url)
        text = write_json(payload, separators=(",", ":"))
        headers = self._headers(id, text) | ({HEADER: trace.header} if trace else {})
        try:
            status = self._post(target, addresses, headers, text.encode())
        except TimeoutError as error:
            raise NotDelivered(f"it did not answer within {self._timeout_s:g} s") from error
        except (OSError, HTTPException) as error:
            raise NotDelivered(f"it can't be reached: {str(error) or type(error).__name__}") from error
        _check(status)

    def _resolved(self, url: str) -> tuple[Target, list[str]]:
        try:
            return self._hosts.resolve(url)
        except InvalidInput as error:
            raise Undeliverable(error.detail) from error
        except AddressRefused as error:
            raise NotDelivered(str(error)) from error
        except OSError as error:
            raise NotDelivered(f"its host's name can't be looked up: {error.strerror or error}") from error

    def _headers(self, id: str, text: str) -> dict[str, str]:
        sent_at = datetime.now(UTC)  # the library reads a time of any zone as UTC
        return {
            "Content-Type": "application/json",
            "User-Agent": f"neural-style-service/{__version__}",
            "webhook-id": id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": " ".join(signer.sign(id, sent_at, text) for signer in self._signers),
        }

    def _post(self, target: Target, addresses: Sequence[str], headers: dict[str, str], body: bytes) -> int:
        """Return the status of the response. Raises OSError, TimeoutError or HTTPException."""
        end = time.monotonic() + self._timeout_s
        with closing(self._connect(target, addresses)) as connection, _until(end, connection.sock):
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            connection.request("POST", target.path, body, headers)
            with connection.getresponse() as response:
                # Only the status counts; reading the body lets the receiver finish.
                with suppress(OSError, HTTPException):
                    response.read(MAX_RESPONSE)
                return response.status

    def _connect(self, target: Target, addresses: Sequence[str]) -> HTTPConnection:
        """Connect to the first address that accepts; with TLS, the handshake is still to come."""
        connected = _first_that_connects(addresses, target.port, self._timeout_s / len(addresses))
        connected.settimeout(self._timeout_s)
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
    timer.start()
    try:
        yield
    except (OSError, HTTPException) as error:
        if expired.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()


def _check(status: int) -> None:
    if status == HTTPStatus.GONE:
        raise Undeliverable("it answered 410: nobody there wants webhooks any more")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise NotDelivered(f"it answered {status}, and redirects are not followed")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(f"it answered {status}")
