"""One fetch over real sockets: where it may go, how long it may take, and how much may come."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from outbound.picture_server import PictureServer
from servers.tls import TLS_NAME
from webhooks.receiver import raw_server

from service.errors import InvalidInput
from service.outbound.fetch import ByteBudget, Fetcher, NotFetched
from service.outbound.hosts import PICTURES, Hosts
from service.storage.buckets import Buckets

NAME = "cdn.example.com"
LOOPBACK = "127.0.0.0/8"
MOST = 100_000


@pytest.fixture
def host() -> Iterator[PictureServer]:
    with PictureServer() as server:
        yield server


def fetched(url: str, *entries: str, address: str = "127.0.0.1", seconds: float = 5.0, most: int = MOST) -> bytes:
    hosts = Hosts(PICTURES, entries or (LOOPBACK, NAME), lambda host, port: [address])
    return Fetcher(hosts, Buckets(()), seconds).fetch(url, ByteBudget(most))


def refusal(url: str, *entries: str, **kwargs: object) -> str:
    with pytest.raises(NotFetched) as caught:
        fetched(url, *entries, **kwargs)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_file_comes_as_it_is_without_cookies_or_credentials(host: PictureServer) -> None:
    url = host.add("/a.png", b"picture")
    host.paths["/first"] = (302, {"Location": url, "Set-Cookie": "id=1; Path=/"}, b"")
    assert fetched(host.url("/first?token=abc")) == b"picture"
    (first, _), (second, headers) = host.asked
    assert (first, second) == ("/first?token=abc", "/a.png")
    assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_a_name_that_leads_inside_is_not_connected_to(host: PictureServer, address: str) -> None:
    host.add("/a.png", b"picture")
    said = refusal(host.url("/a.png", NAME), NAME, address=address)
    assert said == "can't be fetched: its host has an address that is not public"
    assert not host.asked


@pytest.mark.parametrize(
    "spelling",
    [
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",  # noqa: S104 - nothing binds to it
        "[::ffff:a00:1]",
        "[64:ff9b::a00:1]",
        "user@127.0.0.1",
        "127.0.0.1.",
    ],
)
def test_a_redirect_is_checked_as_the_first_url_is(host: PictureServer, spelling: str) -> None:
    host.add("/inside.png", b"secret")
    url = host.redirect("/a.png", f"http://{spelling}:{host.port}/inside.png")
    said = refusal(url)
    assert "is redirected to an address that isn't allowed" in said
    assert [path for path, _ in host.asked] == ["/a.png"]


def test_at_most_five_redirects_are_followed(host: PictureServer) -> None:
    host.add("/0", b"picture")
    for i in range(1, 8):
        host.redirect(f"/{i}", f"/{i - 1}", status=(301, 302, 303, 307, 308)[i % 5])
    assert fetched(host.url("/5")) == b"picture"
    assert refusal(host.url("/6")) == "was redirected more than 5 times"


@pytest.mark.parametrize(
    "location", ["", "file:///etc/passwd", "gopher://127.0.0.1/", "s3://bucket/key", "http://[::1"]
)
def test_a_redirect_to_another_scheme_is_refused(host: PictureServer, location: str) -> None:
    said = refusal(host.redirect("/a", location))
    assert ("without saying where" if location == "" else "is redirected to") in said


@pytest.mark.parametrize("status", [204, 404, 500, 401, 304])
def test_what_is_no_success_is_told_by_its_status(host: PictureServer, status: int) -> None:
    host.paths["/a"] = (status, {}, b"")
    if status == 204:
        assert fetched(host.url("/a")) == b""
    else:
        assert refusal(host.url("/a")) == f"can't be fetched: its host answered {status}"


def test_bytes_are_counted_with_and_without_a_length(host: PictureServer) -> None:
    host.add("/a", b"x" * (MOST + 1))
    host.paths["/b"] = lambda: (200, {}, (b"x" * 1000 for _ in range(10**6)))
    for path in ("/a", "/b"):
        assert "is too large" in refusal(host.url(path))
    assert len(fetched(host.add("/c", b"x" * MOST))) == MOST


def test_a_compressed_response_is_not_unpacked(host: PictureServer) -> None:
    host.paths["/a"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 10**6))
    assert "compressed" in refusal(host.url("/a"))


def test_a_file_that_breaks_off_is_refused(host: PictureServer) -> None:
    host.paths["/a"] = (200, {"Content-Length": "100"}, iter([b"x" * 50]))
    budget = ByteBudget(100)
    fetcher = Fetcher(Hosts(PICTURES, (LOOPBACK,)), Buckets(()))
    with pytest.raises(NotFetched, match="its host broke off"):
        fetcher.fetch(host.url("/a"), budget)
    whole = host.add("/b", b"x" * 100)
    assert len(fetcher.fetch(whole, budget)) == 100  # in the bytes that the other one had
    with pytest.raises(NotFetched, match="is too large"):
        fetcher.fetch(whole, budget)


@pytest.mark.parametrize("scheme", ["s3", "S3"])
def test_a_bucket_is_told_apart_from_a_host(scheme: str) -> None:
    fetcher = Fetcher(Hosts(PICTURES, ()), Buckets(("photographs",)))
    fetcher.check(f"{scheme}://photographs/in/a.png")
    with pytest.raises(InvalidInput, match="NST_IMAGE_BUCKETS"):
        fetcher.check(f"{scheme}://other/a.png")


def trickling(head: bytes) -> Iterator[bytes]:
    yield head
    while True:
        time.sleep(0.05)
        yield b"x"


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_trickles_has_no_more_time_than_others(head: bytes) -> None:
    def talk(connected: object) -> None:
        for piece in trickling(head):
            connected.sendall(piece)  # type: ignore[attr-defined]

    begun = time.monotonic()
    with raw_server(talk) as port:
        assert refusal(f"http://127.0.0.1:{port}/", seconds=0.5) == "was not fetched within 0.5 s"
        assert time.monotonic() - begun < 2


def test_a_slow_lookup_has_no_more_time_either() -> None:
    def resolver(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["93.184.215.14"]

    begun = time.monotonic()
    fetcher = Fetcher(Hosts(PICTURES, (NAME,), resolver), Buckets(()), 0.3)
    with pytest.raises(NotFetched, match="was not fetched within"):
        fetcher.fetch(f"https://{NAME}/a.png", ByteBudget(MOST))
    assert time.monotonic() - begun < 1.5


def test_an_error_names_no_address_and_no_url() -> None:
    with raw_server(lambda connected: None) as port:
        pass  # nobody listens there any more
    said = refusal(f"http://127.0.0.1:{port}/?token=abc")
    assert said == "can't be fetched: its host can't be reached"


def test_what_is_no_http_is_refused() -> None:
    with raw_server(lambda connected: connected.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as port:
        assert "doesn't speak HTTP" in refusal(f"http://127.0.0.1:{port}/")


def test_https_is_verified_and_never_left_for_http(
    host: PictureServer, certificate: Path, secure: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PictureServer(secure) as safe:
        safe.add("/a", b"picture")
        safe.redirect("/down", host.add("/a", b"plain"))
        here = f"https://{TLS_NAME}:{safe.port}"
        assert "isn't trusted" in refusal(f"{here}/a", TLS_NAME, LOOPBACK)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert fetched(f"{here}/a", TLS_NAME, LOOPBACK) == b"picture"
        assert "from https:// to an address that isn't" in refusal(f"{here}/down", TLS_NAME, LOOPBACK)
        assert not host.asked
        assert fetched(host.redirect("/up", f"{here}/a"), TLS_NAME, LOOPBACK) == b"picture"
