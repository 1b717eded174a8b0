"""Strict parsing of URLs that callers name: whatever two parsers could read differently is refused."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import NoReturn

from service.authority import DEFAULT_PORTS
from service.errors import InvalidInput
from service.outbound.addresses import Address

MAX_LENGTH = 2048  # characters

_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")  # those of RFC 3986
_URL = re.compile(r"(https?)://(\[[^\[\]/?]+\]|[^\[\]/?:]+)(?::([0-9]{1,5}))?((?:/[^?]*)?(?:\?.*)?)", re.IGNORECASE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+$|0x[0-9a-f]*$){_LABEL}")  # one that ends in a number may be an address


class _Refused(ValueError):
    """A URL that isn't of the form that is allowed; the message says why."""


@dataclass(frozen=True)
class Target:
    """The target of a URL.

    Attributes:
        scheme: "http" or "https".
        host: a name in lower case, or an address without brackets.
        address: the host as an IP address; None for a name.
        path: the path and query as they are sent.
    """

    scheme: str
    host: str
    address: Address | None
    port: int
    path: str


def parse_url(url: str, field: str) -> Target:
    """Parse a URL. Raises InvalidInput, naming the field that it stands in."""
    try:
        return _parsed(url)
    except _Refused as error:
        raise InvalidInput.field(field, str(error)) from None


def _parsed(url: str) -> Target:
    _check_form(url)
    match = _URL.fullmatch(url)
    if match is None:
        _refuse("must be http://host/path or https://host/path, with a port from 1 to 65535 if any")
    scheme, host, digits, path = match.groups()
    scheme, host = scheme.lower(), host.lower()
    port = int(digits) if digits else DEFAULT_PORTS[scheme]
    if not 0 < port < 2**16:
        _refuse("must have a port from 1 to 65535")
    address = parse_address(host)
    if address is None and not is_name(host):
        _refuse("must have a plain host: a name without a dot at its end, or an IP address in its usual form")
    return Target(scheme, str(address or host), address, port, path if path.startswith("/") else f"/{path}")


def parse_address(host: str) -> Address | None:
    """Return the address of a URL's host (IPv6 in brackets); None if it is a name."""
    try:
        if host.startswith("["):
            return None if "%" in host else ipaddress.IPv6Address(host[1:-1])
        return ipaddress.IPv4Address(host)
    except ValueError:
        return None


def is_name(host: str) -> bool:
    """Return whether the text is a host name in lower case that can't be read as an address."""
    return len(host) <= 253 and _NAME.fullmatch(host) is not None  # noqa: PLR2004 - the limit of DNS


def _check_form(url: str) -> None:
    if len(url) > MAX_LENGTH:
        _refuse(f"must have at most {MAX_LENGTH} characters")
    if not _CHARACTERS.fullmatch(url):
        _refuse("has a character that a URL can't have: write it as %XX, and in the host's name as xn--…")
    if not url.lower().startswith(("http://", "https://")):
        _refuse("must begin with http:// or https://")
    if "#" in url:
        _refuse("must not have a fragment (#…)")
    if "@" in re.split(r"[/?]", url.split("//", 1)[1], maxsplit=1)[0]:
        _refuse("must not have a user name or password")


def _refuse(msg: str) -> NoReturn:
    raise _Refused(msg)
