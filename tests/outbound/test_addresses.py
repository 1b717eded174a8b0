"""Which addresses are public, also those of IPv6 that hold one of IPv4."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from service.outbound.addresses import is_public, reached

PRIVATE_NETWORKS = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
private = st.sampled_from(PRIVATE_NETWORKS).flatmap(lambda network: st.ip_addresses(network=network))
any_ipv4 = st.ip_addresses(v=4)


def six(prefix: str, tail: int) -> IPv6Address:
    return IPv6Address(int(IPv6Address(prefix)) | tail)


@given(private)
def test_no_private_address_gets_by_in_ipv6(hidden: IPv4Address) -> None:
    number = int(hidden)
    for holder in (
        six("::ffff:0:0", number),
        six("::", number),
        six("::ffff:0:0:0", number),
        six("64:ff9b::", number),
        six("64:ff9b:1::", number),
        six("64:ff9b:1::", (number >> 16) << 64 | (number & 0xFFFF) << 40),
        six("2002::", number << 80),
        six("2001::", number << 64),
        six("2001::", number ^ 0xFFFF_FFFF),
    ):
        assert not is_public(holder), holder


@given(any_ipv4)
def test_an_address_is_as_public_mapped_or_by_nat64_as_by_itself(address: IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        holder = six(prefix, int(address))
        assert reached(holder) == address
        assert is_public(holder) == is_public(address)


@given(st.ip_addresses(v=6))
def test_only_unicast_and_nat64_are_public(address: IPv6Address) -> None:
    ways_out = [ipaddress.ip_network(network) for network in ("2000::/3", "64:ff9b::/96", "::ffff:0:0/96")]
    assert not is_public(address) or any(address in network for network in ways_out)
