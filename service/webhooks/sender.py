"""Signing by the Standard Webhooks specification, and sending to a checked address."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from standardwebhooks import Webhook

from service import __version__
from service.errors import InvalidInput
from service.outbound.connections import Connector
from service.outbound.hosts import AddressRefused, Hosts
from service.outbound.urls import Target
from service.storage.json_text import write_json
from service.telemetry.tracing import HEADER, Trace

TIMEOUT_S = 10.0  # seconds for connecting, sending and the response together
MAX_RESPONSE = 2**16  # bytes of the response's body that are read


class NotDelivered(Exception):
    """The receiver didn't accept the webhook; a retry may help. The text is written for the job's caller."""


class Undeliverable(NotDelivered):
    """The receiver will never accept the webhook, or its URL isn't allowed: no retry."""


class Sender:
    """A sender of webhooks. `timeout_s` is the time limit of each in seconds, without the lookup of its host.

    Each webhook has a signature by each of the `secrets`; receivers accept it if they know one of them.
    """

    def __init__(self, hosts: Hosts, secrets: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self._hosts = hosts
        self._signers = [Webhook(secret) for secret in secrets]
        self._timeout_s = timeout_s
        self._connector = Connector()

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
        with self._connector.connected(target, addresses, end) as connection:
            connection.request("POST", target.path, body, headers)
            with connection.getresponse() as response:
                # Only the status counts; reading the body lets the receiver finish.
                with suppress(OSError, HTTPException):
                    response.read(MAX_RESPONSE)
                return response.status


def _check(status: int) -> None:
    if status == HTTPStatus.GONE:
        raise Undeliverable("it answered 410: nobody there wants webhooks any more")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise NotDelivered(f"it answered {status}, and redirects are not followed")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(f"it answered {status}")
