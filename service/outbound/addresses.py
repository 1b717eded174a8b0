"""The IP addresses of the public internet."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
UNICAST = ipaddress.IPv6Network("2000::/3")
"""The part of IPv6 from which public addresses are given out; ::/96 and 64:ff9b:1::/48, for example, lie outside."""

SPECIAL = tuple(  # parts of it that some versions of ipaddress call global
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocols, Teredo among them, which holds two IPv4 addresses
        "2002::/16",  # 6to4, which holds one
        "3fff::/20",  # documentation
    )
)
SPECIAL_IPV4 = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))


def reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to (mapped or NAT64); others unchanged."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address


def is_public(address: Address) -> bool:
    """Return whether the address leads to a host of the public internet.

    Tunnelled IPv6 (6to4, Teredo) doesn't: nobody serves from there.
    """
    address = reached(address)
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return address in UNICAST and not any(address in network for network in SPECIAL)
