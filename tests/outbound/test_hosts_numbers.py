"""Which addresses a callback_url may hold: those that an entry names, spelt in one way only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbound.rules import PUBLIC, PUBLIC_IPV6, refusal

from service.outbound.hosts import WEBHOOKS, Hosts


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
    rule = Hosts(WEBHOOKS, (entry,))
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
    rule = Hosts(WEBHOOKS, ("hooks.example.com", "*.com", "localhost", "10.0.0.1:80"))
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
    assert "must" in refusal(Hosts(WEBHOOKS, ("0.0.0.0/0", "::/0")), f"http://{host}/")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "{:#o}", "0{:o}", "{}.", "0x7f.{}", "127.{}"]))
def test_no_number_passes_for_a_host(number: int, spelling: str) -> None:
    refusal(Hosts(WEBHOOKS, ("0.0.0.0/0", "::/0")), f"http://{spelling.format(number)}/")
