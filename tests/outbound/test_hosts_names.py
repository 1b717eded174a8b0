"""Which names a callback_url may hold: those of the setting, in a URL of one form only."""

from __future__ import annotations

import pytest
from outbound.rules import PUBLIC, refusal, with_addresses

from service.errors import InvalidInput
from service.outbound.hosts import WEBHOOKS, Hosts


def test_without_the_setting_every_url_is_refused_and_told_why() -> None:
    assert "webhooks are off here: NST_WEBHOOK_HOSTS" in refusal(Hosts(WEBHOOKS, ()), "https://hooks.example.com/")


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
        Hosts(WEBHOOKS, ("example.com", entry))
    assert [error.loc for error in caught.value.errors] == ["NST_WEBHOOK_HOSTS"]
    assert repr(entry) in caught.value.detail


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
    Hosts(WEBHOOKS, ("other.example", entry)).check_url(url)


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
    assert "are not among those of NST_WEBHOOK_HOSTS" in refusal(Hosts(WEBHOOKS, (entry,)), url)


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
    rule = Hosts(WEBHOOKS, ("example.com", "*.example.com", "evil.example", "*.evil.example", "0.0.0.0/0", "::/0"))
    assert reason in refusal(rule, url)


def test_the_longest_url_is_still_taken() -> None:
    Hosts(WEBHOOKS, ("example.com",)).check_url(f"https://example.com/{'a' * 2028}")
