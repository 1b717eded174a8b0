"""The hosts that a callback_url may name, and the addresses that they may have."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from service.errors import InvalidInput
from service.webhooks.addresses import Address, is_public, reached
from service.webhooks.urls import FIELD, Target, is_name, parse_url

logger = logging.getLogger(__name__)

SETTING = "NST_WEBHOOK_HOSTS"
LOCALHOST = "localhost"

_WITH_PORT = re.compile(r"(?:\[([0-9a-f:./]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")

Resolver = Callable[[str, int], Sequence[str]]


class AddressRefused(Exception):
    """The host's name leads to an address that webhooks don't go to."""


def look_up(host: str, port: int) -> list[str]:
    """Return all addresses of a name, in the order to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


@dataclass(frozen=True)
class Entry:
    """One entry of the setting: a name, `*.domain` or a network; for one port, or for all."""

    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def names(self, host: str, port: int) -> bool:
        """Return whether the entry allows a URL with this host name."""
        if not self._has(port) or not self.name:
            return False
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name

    def covers(self, address: Address, port: int) -> bool:
        """Return whether the entry allows this address, public or not."""
        return self.network is not None and self._has(port) and address in self.network

    def _has(self, port: int) -> bool:
        return self.port is None or self.port == port


class Hosts:
    """The hosts that webhooks may go to.

    Raises:
        InvalidInput: an entry of the setting is malformed.
    """

    def __init__(self, entries: Sequence[str], resolver: Resolver = look_up) -> None:
        self._entries = tuple(parse_entry(entry) for entry in entries)
        self._resolver = resolver

    def check_url(self, url: str) -> None:
        """Raise InvalidInput, naming callback_url, if the URL's form or host isn't allowed."""
        self._checked(url)

    def resolve(self, url: str) -> tuple[Target, list[str]]:
        """Resolve the URL's host now; connect to these addresses and to no others.

        Raises:
            InvalidInput: the URL isn't allowed.
            AddressRefused: one of its addresses isn't allowed.
            OSError: the name has none, or can't be looked up.
        """
        target = self._checked(url)
        if target.address is not None:
            return target, [target.host]
        addresses = list(self._resolver(target.host, target.port))
        refused = [address for address in addresses if not self._may_have(target, ipaddress.ip_address(address))]
        if refused:
            logger.warning("%s has addresses that webhooks don't go to: %s", target.host, ", ".join(refused))
            raise AddressRefused(f"{target.host} has an address that is not public")
        return target, addresses

    def _checked(self, url: str) -> Target:
        if not self._entries:
            raise InvalidInput.field(FIELD, f"webhooks are off here: {SETTING} names no hosts")
        target = parse_url(url)
        if not self._allows(target):
            raise InvalidInput.field(FIELD, f"its host and port are not among those of {SETTING}")
        return target

    def _allows(self, target: Target) -> bool:
        if target.address is not None:
            return self._covers(target.address, target.port)
        return any(entry.names(target.host, target.port) for entry in self._entries)

    def _covers(self, address: Address, port: int) -> bool:
        return any(entry.covers(reached(address), port) for entry in self._entries)

    def _may_have(self, target: Target, address: Address) -> bool:
        """Return whether an allowed name may lead to this address."""
        if target.host == LOCALHOST and reached(address).is_loopback:
            return True
        return is_public(address) or self._covers(address, target.port)


def parse_entry(text: str) -> Entry:
    """Parse an entry of the setting. Raises InvalidInput, naming the setting."""
    match = _WITH_PORT.fullmatch(text.lower())
    in_brackets, host, digits = match.groups("") if match else ("", text.lower(), "")
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 2**16:
        raise _wrong(text, "its port must be from 1 to 65535")
    if is_name(host.removeprefix("*.")):
        return Entry(host, None, port)
    try:
        network = ipaddress.ip_network(in_brackets or host)
    except ValueError as error:
        raise _wrong(text, "must be a host name, *.domain, an address or a network, perhaps with :port") from error
    if network.num_addresses == 1:
        network = ipaddress.ip_network(reached(network.network_address))
    return Entry("", network, port)


def _wrong(entry: str, msg: str) -> InvalidInput:
    return InvalidInput.field(SETTING, f"{entry!r}: {msg}")
