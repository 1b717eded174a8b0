"""Which hosts a callback_url may name, however it is spelt, and which addresses they may have."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidInput
from service.webhooks import hosts
from service.webhooks.addresses import is_public, reached
from service.webhooks.hosts import AddressRefused, Hosts

PUBLIC = "93.184.215.14"
PUBLIC_IPV6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def with_addresses(*addresses: str, entries: tuple[str, ...] = ("hooks.example.com",)) -> Hosts:
    """The rule, where every name has these addresses."""
    return Hosts(entries, lambda host, port: list(addresses))


def refusal(rule: Hosts, url: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        rule.check_url(url)
    assert [error.loc for error in caught.value.errors] == ["callback_url"]
    return caught.value.detail


def test_without_the_setting_every_url_is_refused_and_told_why() -> None:
    assert "webhooks are off here: NST_WEBHOOK_HOSTS" in refusal(Hosts(()), "https://hooks.example.com/")


# Names


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("hooks.example.com", "https://hooks.example.com/a?b=c%20d"),
        ("hooks.example.com", "HTTPS://HOOKS.Example.COM:8443"),
        ("Hooks.Example.Com", "http://hooks.example.com?x=1"),
        ("*.example.com", "https://a.example.com/"),
        ("*.example.com", "https://a.b.example.com/"),
        ("hooks.example.com:443", "https://hooks.example.com/"),
        ("hooks.example.com:80", "http://hooks.example.com/"),
        ("*.example.com:8443", "https://a.example.com:8443/"),
        ("localhost", "http://localhost:9000/"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example/"),
        ("my_hooks", "http://my_hooks/"),
    ],
)
def test_a_name_of_the_setting_is_allowed(entry: str, url: str) -> None:
    Hosts(("other.example", entry)).check_url(url)


@pytest.mark.parametrize(
    ("end", "path"), [("", "/"), ("/", "/"), ("?a=b", "/?a=b"), ("//x/../y?z?%2f", "//x/../y?z?%2f")]
)
def test_path_and_query_stay_as_they_are(end: str, path: str) -> None:
    target, _ = with_addresses(PUBLIC).resolve(f"https://hooks.example.com{end}")
    assert target.path == path


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("example.com", "https://hooks.example.com/"),
        ("example.com", "https://example.com.evil.example/"),
        ("example.com", "https://evilexample.com/"),
        ("*.example.com", "https://example.com/"),
        ("*.example.com", "https://evilexample.com/"),
        ("*.example.com", "https://a.example.com.evil.example/"),
        ("example.com:443", "http://example.com/"),
        ("example.com:443", "https://example.com:8443/"),
        ("localhost", "http://127.0.0.1/"),
        ("127.0.0.1", "http://localhost/"),
        ("10.0.0.0/8", "http://hooks.example.com/"),
    ],
)
def test_any_other_name_is_refused(entry: str, url: str) -> None:
    assert "are not among those of NST_WEBHOOK_HOSTS" in refusal(Hosts((entry,)), url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "begin with http"),
        ("file:///etc/passwd", "begin with http"),
        ("javascript:alert(1)", "begin with http"),
        ("//example.com/", "begin with http"),
        ("example.com", "begin with http"),
        ("", "begin with http"),
        ("http:example.com", "begin with http"),
        ("https:///example.com/", "must be http"),
        ("https://", "must be http"),
        ("https://example.com/#x", "fragment"),
        ("https://example.com#@evil.example/", "fragment"),
        ("https://me@example.com/", "user name"),
        ("https://me:secret@example.com/", "user name"),
        ("https://evil.example:80@example.com/", "user name"),
        ("https://example.com\\@evil.example/", "character"),
        ("https://example.com\t/", "character"),
        ("https://example.com/\n", "character"),
        ("https://example.com/\r\nHost: evil.example", "character"),
        ("https://example.com/a b", "character"),
        (" https://example.com/", "character"),
        ("https://example.com/\x00", "character"),
        ("https://example.com/ü", "character"),
        ("https://\uff45xample.com/", "character"),
        ("https://example。com/", "character"),
        ("https://①②⑦.0.0.1/", "character"),
        ("https://ex%61mple.com/", "plain host"),
        ("https://example.com%2eevil.example/", "plain host"),
        ("https://example.com%00.evil.example/", "plain host"),
        ("https://example.com./", "plain host"),
        ("https://example..com/", "plain host"),
        ("https://.example.com/", "plain host"),
        ("https://-example.com/", "plain host"),
        (f"https://{'a' * 64}.example.com/", "plain host"),
        (f"https://{'a.' * 127}com/", "plain host"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:/", "port"),
        ("https://example.com:80:80/", "port"),
        ("https://example.com:+80/", "port"),
        (f"https://example.com/{'a' * 2029}", "2048"),
    ],
)
def test_a_url_of_another_form_is_refused_though_its_host_is_allowed(url: str, reason: str) -> None:
    rule = Hosts(("example.com", "*.example.com", "evil.example", "*.evil.example", "0.0.0.0/0", "::/0"))
    assert reason in refusal(rule, url)


def test_the_longest_url_is_still_taken() -> None:
    Hosts(("example.com",)).check_url(f"https://example.com/{'a' * 2028}")


# Addresses in the URL


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        (PUBLIC, f"https://{PUBLIC}/"),
        ("127.0.0.1", "http://127.0.0.1:9000/"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/"),
        ("10.0.0.0/8", "http://10.1.2.3/"),
        ("10.0.0.0/8:8443", "https://10.1.2.3:8443/"),
        ("[::1]", "http://[::1]/"),
        ("::1", "http://[0:0:0:0:0:0:0:1]/"),
        ("[fd00::/8]:8443", "https://[FD00::1]:8443/"),
        ("fd00::/8", "https://[fd00::1]/"),
        ("10.0.0.5", "http://[::ffff:10.0.0.5]/"),
        ("::ffff:10.0.0.5", "http://10.0.0.5/"),
    ],
)
def test_an_address_that_an_entry_names_is_allowed(entry: str, url: str) -> None:
    rule = Hosts((entry,))
    rule.check_url(url)
    target, addresses = rule.resolve(url)
    assert addresses == [target.host]


@pytest.mark.parametrize(
    "url",
    [
        f"https://{PUBLIC}/",
        f"https://[{PUBLIC_IPV6}]/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1:8080/",
    ],
)
def test_an_address_that_no_entry_names_is_refused(url: str) -> None:
    rule = Hosts(("hooks.example.com", "*.com", "localhost", "10.0.0.1:80"))
    assert "are not among those" in refusal(rule, url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0.0.0x1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "127.0.0.256",
        "127.0.0.1.0x",
        "0",
        "1.2.3.4.5",
        "a.1",
        "a.0x7f",
        "[::1%25lo]",
        "[fe80::1%eth0]",
        "[::1",
        "::1",
        "[v1.x]",
        "[127.0.0.1]",
        "[]",
        "%31%32%37.0.0.1",
    ],
)
def test_an_odd_spelling_of_an_address_is_refused_whatever_is_allowed(host: str) -> None:
    assert "must" in refusal(Hosts(("0.0.0.0/0", "::/0")), f"http://{host}/")


# The setting


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "*.",
        "**.example.com",
        "a.*.example.com",
        "https://example.com",
        "example.com/path",
        "example.com:0",
        "example.com:65536",
        "example.com:http",
        "example.com.",
        "bücher.example",
        "10.0.0.5/8",
        "10.0.0.0/33",
        "127.1",
        "0x7f.1",
        "2130706433",
        "me@example.com",
        "[example.com]",
        "[::1",
        "::1]",
        "[::1]x",
        "[fe80::1%lo]",
    ],
)
def test_an_entry_that_means_nothing_is_an_error_that_names_the_setting(entry: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Hosts(("example.com", entry))
    assert [error.loc for error in caught.value.errors] == ["NST_WEBHOOK_HOSTS"]
    assert repr(entry) in caught.value.detail


# Addresses that a name has

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
        Hosts(("hooks.example.com",), look_up).resolve("https://evil.example/")


def test_every_address_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def getaddrinfo(*args: object, **kwargs: object) -> list[tuple[object, ...]]:
        asked.append(args)
        return [(2, 1, 6, "", (PUBLIC, 443)), (10, 1, 6, "", (PUBLIC_IPV6, 443, 0, 0)), (2, 1, 6, "", (PUBLIC, 443))]

    monkeypatch.setattr(hosts.socket, "getaddrinfo", getaddrinfo)
    _, found = Hosts(("hooks.example.com",)).resolve("https://hooks.example.com/")
    assert found == [PUBLIC, PUBLIC_IPV6]
    assert asked == [("hooks.example.com", 443)]


# IPv6 that holds IPv4

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


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "{:#o}", "0{:o}", "{}.", "0x7f.{}", "127.{}"]))
def test_no_number_passes_for_a_host(number: int, spelling: str) -> None:
    refusal(Hosts(("0.0.0.0/0", "::/0")), f"http://{spelling.format(number)}/")
