"""Hosts with ports, as in a Host header, an origin or a setting, in one form so that they can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

DEFAULT_PORTS = {"http": 80, "https": 443}
LOCALHOST = "localhost"
ANYTHING = "*"
BELOW = "*."  # start of an entry that stands for all names below a domain

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{0,5}))?")


@dataclass(frozen=True)
class Authority:
    """A host, in lower case and without a dot at its end, and a port if one was given."""

    host: str
    port: int | None = None

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The IP address; None if the host is a name."""
        return _address(self.host)

    @property
    def is_loopback(self) -> bool:
        """Return whether the host can only be this machine: localhost, names below it, 127.0.0.0/8 or ::1."""
        if self.address is not None:
            return self.address.is_loopback
        return self.host == LOCALHOST or self.host.endswith(f".{LOCALHOST}")


def parse_host(text: str) -> Authority | None:
    """Return the Authority of a host alone; an IPv6 address has no brackets around it."""
    return parse_authority(f"[{text}]" if ":" in text else text)


def parse_authority(text: str) -> Authority | None:
    """Return the Authority of `host`, `host:port` or `[IPv6]:port`, whose port may be empty; None for other texts."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    in_brackets, name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 2**16:
        return None
    address = _address(in_brackets or name)
    if in_brackets and (address is None or ":" not in in_brackets):
        return None
    return Authority(str(address) if address else name.lower().removesuffix("."), port)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text, or None; an IPv4 address mapped into IPv6 becomes plain IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(frozen=True)
class HostPattern:
    """An entry of NST_HOSTS: a host, `*.domain` or `*`, with one port or with all."""

    host: str
    port: int | None = None

    def matches(self, authority: Authority) -> bool:
        """Return whether a request for this authority is allowed; one without a port is for 80 or 443."""
        ports = (authority.port,) if authority.port else tuple(DEFAULT_PORTS.values())
        if self.port is not None and self.port not in ports:
            return False
        if self.host.startswith(BELOW):
            return authority.host.endswith(self.host.removeprefix(ANYTHING))
        return self.host in (ANYTHING, authority.host)


def parse_pattern(text: str) -> HostPattern:
    """Parse an entry of NST_HOSTS. Raises ValueError if it is malformed."""
    if text == ANYTHING:
        return HostPattern(ANYTHING)
    below = text.startswith(BELOW)
    authority = parse_authority(text.removeprefix(BELOW)) or parse_authority(f"[{text}]")  # IPv6 without brackets
    if authority is None or (below and authority.address is not None):
        raise ValueError(f"{text!r} must be a host as in app.example.com, *.example.com, 10.0.0.5 or app:8000, or *")
    return HostPattern(BELOW + authority.host if below else authority.host, authority.port)


def any_matches(patterns: Iterable[str], authority: Authority) -> bool:
    """Return whether one of these entries of NST_HOSTS allows the authority."""
    return any(parse_pattern(pattern).matches(authority) for pattern in patterns)
