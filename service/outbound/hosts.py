"""The hosts that URLs of callers may name, and the addresses that these hosts may have."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from service.authority import LOCALHOST
from service.errors import InvalidInput
from service.outbound.addresses import Address, is_public, reached
from service.outbound.urls import Target, is_name, parse_url

logger = logging.getLogger(__name__)

_WITH_PORT = re.compile(r"(?:\[([0-9a-f:./]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Purpose:
    """A purpose for which callers name URLs.

    Attributes:
        what: its name in messages, in the plural.
        setting: the setting that lists the allowed hosts.
        field: the field of a request that holds the URL.
    """

    what: str
    setting: str
    field: str


WEBHOOKS = Purpose("webhooks", "NST_WEBHOOK_HOSTS", "callback_url")
DELIVERIES = Purpose("deliveries", "NST_DELIVERY_HOSTS", "deliver.url")
PICTURES = Purpose("pictures by address", "NST_IMAGE_HOSTS", "url")


class AddressRefused(Exception):
    """The host's name leads to an address that is not allowed."""


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
    """The hosts that URLs for one purpose may name.

    Raises:
        InvalidInput: an entry of the setting is malformed.
    """

    def __init__(self, purpose: Purpose, entries: Sequence[str], resolver: Resolver = look_up) -> None:
        self._purpose = purpose
        self._entries = tuple(parse_entry(entry, purpose.setting) for entry in entries)
        self._resolver = resolver

    def check_url(self, url: str) -> None:
        """Raise InvalidInput, naming the purpose's field, if the URL's form or host isn't allowed."""
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
            logger.warning("%s: addresses refused for %s: %s", target.host, self._purpose.what, ", ".join(refused))
            raise AddressRefused(f"{target.host} has an address that is not public")
        return target, addresses

    def _checked(self, url: str) -> Target:
        if not self._entries:
            what, setting = self._purpose.what, self._purpose.setting
            raise InvalidInput.field(self._purpose.field, f"{what} are off here: {setting} names no hosts")
        target = parse_url(url, self._purpose.field)
        if not self._allows(target):
            msg = f"its host and port are not among those of {self._purpose.setting}"
            raise InvalidInput.field(self._purpose.field, msg)
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


def parse_entry(text: str, setting: str) -> Entry:
    """Parse an entry of a setting. Raises InvalidInput, naming the setting."""
    match = _WITH_PORT.fullmatch(text.lower())
    in_brackets, host, digits = match.groups("") if match else ("", text.lower(), "")
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 2**16:
        raise _wrong(setting, text, "its port must be from 1 to 65535")
    if is_name(host.removeprefix("*.")):
        return Entry(host, None, port)
    try:
        network = ipaddress.ip_network(in_brackets or host)
    except ValueError as error:
        msg = "must be a host name, *.domain, an address or a network, perhaps with :port"
        raise _wrong(setting, text, msg) from error
    if network.num_addresses == 1:
        network = ipaddress.ip_network(reached(network.network_address))
    return Entry("", network, port)


def _wrong(setting: str, entry: str, msg: str) -> InvalidInput:
    return InvalidInput.field(setting, f"{entry!r}: {msg}")
