"""One message to a receiver, and whether another try may help if it doesn't accept it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException

from service.errors import InvalidInput
from service.outbound.connections import Connector
from service.outbound.hosts import AddressRefused, Hosts
from service.outbound.urls import Target

MAX_RESPONSE = 2**16  # bytes of the response's body that are read


class NotDelivered(Exception):
    """The receiver didn't accept the message; a retry may help. The text is written for the job's caller."""


class Undeliverable(NotDelivered):
    """The receiver will never accept the message, or its URL isn't allowed: no retry."""


class Exchange:
    """Requests to receivers on these hosts. `timeout_s` is for each in seconds, without the lookup of its host."""

    def __init__(self, hosts: Hosts, timeout_s: float) -> None:
        self._hosts = hosts
        self._timeout_s = timeout_s
        self._connector = Connector()

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a message; return when the receiver has answered with 2xx.

        Raises:
            NotDelivered, Undeliverable
        """
        target, addresses = self._resolved(url)
        end = time.monotonic() + self._timeout_s
        try:
            with self._connector.connected(target, addresses, end) as connection:
                connection.request(method, target.path, body, dict(headers))
                with connection.getresponse() as response:
                    status = response.status
                    # Only the status counts; reading the body lets the receiver finish.
                    with suppress(OSError, HTTPException):
                        response.read(MAX_RESPONSE)
        except TimeoutError as error:
            raise NotDelivered(f"it did not answer within {self._timeout_s:g} s") from error
        except (OSError, HTTPException) as error:
            raise NotDelivered(f"it can't be reached: {str(error).strip() or type(error).__name__}") from error
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


def _check(status: int) -> None:
    if status == HTTPStatus.GONE:
        raise Undeliverable("it answered 410: nobody there wants any more")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise NotDelivered(f"it answered {status}, and redirects are not followed")
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise NotDelivered(f"it answered {status}")
