"""Which addresses the name in a callback_url may lead to: public ones, and those that an entry names."""

from __future__ import annotations

import socket

import pytest
from outbound.rules import PUBLIC, PUBLIC_IPV6, with_addresses

from service.errors import InvalidInput
from service.outbound.hosts import WEBHOOKS, AddressRefused, Hosts

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.10",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::5db8:d70e",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1::5db8:d70e",
    "100::1",
    "2001::1",
    "2001:0:5db8:d70e::1",
    "2001:1::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:5db8:d70e::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match=r"^hooks.example.com has an address that is not public$"):
        with_addresses(address).resolve("https://hooks.example.com/")


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "64:ff9b::7f00:1"])
def test_one_refused_address_among_public_ones_refuses_all(address: str) -> None:
    for addresses in ([PUBLIC, address], [address, PUBLIC], [PUBLIC, PUBLIC_IPV6, address]):
        with pytest.raises(AddressRefused):
            with_addresses(*addresses).resolve("https://hooks.example.com/")


@pytest.mark.parametrize(
    "addresses", [[PUBLIC], [PUBLIC_IPV6, PUBLIC], ["64:ff9b::5db8:d70e"], ["::ffff:93.184.215.14"], ["1.1.1.1"]]
)
def test_public_addresses_are_given_in_their_order(addresses: list[str]) -> None:
    target, found = with_addresses(*addresses).resolve("https://hooks.example.com:8443/a?b")
    assert found == addresses
    assert (target.scheme, target.host, target.port, target.path) == ("https", "hooks.example.com", 8443, "/a?b")


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "::ffff:127.0.0.1"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.0.0.0/8", "64:ff9b::10.1.2.3"),
        ("10.0.0.0/8:443", "10.1.2.3"),
        ("fd00::/8", "fd00::1"),
        ("[fe80::/10]", "fe80::1%eth0"),
        ("2002:7f00:1::/48", "2002:7f00:1::1"),
    ],
)
def test_a_private_address_that_an_entry_names_is_allowed(entry: str, address: str) -> None:
    rule = with_addresses(address, entries=("hooks.example.com", entry))
    assert rule.resolve("https://hooks.example.com/")[1] == [address]


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("127.0.0.2", "127.0.0.1"),
        ("10.0.0.0/8:8443", "10.1.2.3"),
        ("0.0.0.0/0", "::1"),
        ("::/0", "127.0.0.1"),
        ("::/0", "::ffff:127.0.0.1"),
        ("64:ff9b::/96", "64:ff9b::7f00:1"),
        ("localhost", "127.0.0.1"),
    ],
)
def test_another_entry_does_not_allow_it(entry: str, address: str) -> None:
    with pytest.raises(AddressRefused):
        with_addresses(address, entries=("hooks.example.com", entry)).resolve("https://hooks.example.com/")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_entry_localhost_allows_loopback_and_only_that(address: str) -> None:
    assert with_addresses(address, entries=("localhost",)).resolve("http://localhost/")[1] == [address]
    with pytest.raises(AddressRefused):
        with_addresses(address, "10.0.0.1", entries=("localhost",)).resolve("http://localhost/")


def test_a_url_that_is_not_allowed_is_not_looked_up() -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise AssertionError

    with pytest.raises(InvalidInput):
        Hosts(WEBHOOKS, ("hooks.example.com",), look_up).resolve("https://evil.example/")


def test_every_address_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def getaddrinfo(*args: object, **kwargs: object) -> list[tuple[object, ...]]:
        asked.append(args)
        return [(2, 1, 6, "", (PUBLIC, 443)), (10, 1, 6, "", (PUBLIC_IPV6, 443, 0, 0)), (2, 1, 6, "", (PUBLIC, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    _, found = Hosts(WEBHOOKS, ("hooks.example.com",)).resolve("https://hooks.example.com/")
    assert found == [PUBLIC, PUBLIC_IPV6]
    assert asked == [("hooks.example.com", 443)]
