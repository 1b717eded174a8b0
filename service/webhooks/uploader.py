"""Finished pictures, sent by PUT as they are."""

from __future__ import annotations

from collections.abc import Mapping

from service.outbound.connections import AGENT
from service.outbound.hosts import Hosts
from service.webhooks.exchange import Exchange

TIMEOUT_S = 120.0  # seconds for connecting, sending and the response together


class Uploader:
    """A sender of files to these hosts."""

    def __init__(self, hosts: Hosts) -> None:
        self._exchange = Exchange(hosts, TIMEOUT_S)

    def put(self, url: str, data: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        """Send a file; return when the other end has answered with 2xx. `headers` go before the service's own.

        Raises:
            NotDelivered, Undeliverable
        """
        named = {name.lower() for name in headers}
        own = {"Content-Type": media_type, "User-Agent": AGENT}
        kept = {name: value for name, value in own.items() if name.lower() not in named}
        self._exchange.send("PUT", url, data, kept | dict(headers))
