"""A webhook on its way: signed, sent to the address that was checked, and judged by the status of the answer."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from receiver import SECRET, Receiver, raw_server, signature
from standardwebhooks import Webhook

from service.webhooks.hosts import Hosts
from service.webhooks.sender import NotDelivered, Sender, Undeliverable

NAME = "hooks.example.com"
PAYLOAD = {"type": "transfer.succeeded", "timestamp": "2026-01-02T03:04:05.678Z", "data": {"é": [1.5, None]}}


def sender(addresses: Sequence[str] = ("127.0.0.1",), timeout_s: float = 10.0) -> Sender:
    """One that may send to loopback, where the name leads to these addresses."""
    return Sender(Hosts((NAME, "127.0.0.0/8"), lambda host, port: addresses), SECRET, timeout_s)


def attempt(url: str, timeout_s: float = 10.0) -> None:
    sender(timeout_s=timeout_s).send(url, "msg_1", PAYLOAD)


# What is sent


def test_a_webhook_arrives_as_compact_json_that_the_standards_own_library_verifies() -> None:
    with Receiver() as receiver:
        attempt(receiver.url("/hook?a=b%20c"))
    (received,) = receiver.received
    assert received.path == "/hook?a=b%20c"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.body == json.dumps(PAYLOAD, separators=(",", ":")).encode()
    assert Webhook(SECRET).verify(received.body, received.headers) == PAYLOAD


def test_the_signature_is_that_of_the_specification() -> None:
    with Receiver() as receiver:
        attempt(receiver.url())
    (received,) = receiver.received
    assert received.headers["webhook-signature"] == signature(received)
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60


def test_the_timestamp_is_right_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        with Receiver() as receiver:
            attempt(receiver.url())
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    (received,) = receiver.received
    assert received.headers["webhook-signature"] == signature(received)
    Webhook(SECRET).verify(received.body, received.headers)


def test_every_attempt_has_the_same_id_and_a_signature_of_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(500) as receiver:
        with pytest.raises(NotDelivered):
            attempt(receiver.url())
        attempt(receiver.url())
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["webhook-signature"] == signature(second)


# Where it is sent


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose second answer is another address gains nothing: there is no second question."""
    asked: list[str] = []
    answers = iter([["127.0.0.1"], ["127.0.0.66"]])
    by_system = socket.getaddrinfo

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    def only_numbers(host: str, *args: object, **kwargs: object) -> object:
        assert host != NAME, "the name was looked up once more"
        return by_system(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    with Receiver() as receiver:
        Sender(Hosts((NAME, "127.0.0.1"), resolver), SECRET).send(
            f"http://{NAME}:{receiver.port}/hook", "msg_1", PAYLOAD
        )
    assert asked == [NAME]
    (received,) = receiver.received
    assert received.headers["host"] == f"{NAME}:{receiver.port}"


def test_an_address_that_is_refused_is_not_connected_to() -> None:
    with Receiver() as receiver:
        rule = Hosts((NAME,), lambda host, port: ["127.0.0.1"])
        with pytest.raises(NotDelivered, match="not public") as caught:
            Sender(rule, SECRET).send(f"http://{NAME}:{receiver.port}/", "msg_1", PAYLOAD)
    assert receiver.received == []
    assert not isinstance(caught.value, Undeliverable)  # its DNS may yet be mended


def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    with Receiver() as receiver:
        sender(("127.0.0.66", "127.0.0.1")).send(f"http://{NAME}:{receiver.port}/", "msg_1", PAYLOAD)
    assert len(receiver.received) == 1


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Receiver() as receiver:
        attempt(receiver.url())
    assert len(receiver.received) == 1


def test_a_host_that_is_no_longer_allowed_is_given_up() -> None:
    with pytest.raises(Undeliverable, match="NST_WEBHOOK_HOSTS"):
        attempt("http://other.example/")


def test_a_name_that_can_not_be_looked_up_is_worth_another_try() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with pytest.raises(NotDelivered, match="can't be looked up: Temporary failure") as caught:
        Sender(Hosts((NAME,), resolver), SECRET).send(f"http://{NAME}/", "msg_1", PAYLOAD)
    assert not isinstance(caught.value, Undeliverable)


# What is answered


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    with Receiver(status) as receiver:
        attempt(receiver.url())


@pytest.mark.parametrize("status", [400, 401, 404, 408, 429, 500, 502, 503, 599])
def test_any_other_status_is_worth_another_try(status: int) -> None:
    with Receiver(status) as receiver, pytest.raises(NotDelivered, match=f"answered {status}") as caught:
        attempt(receiver.url())
    assert not isinstance(caught.value, Undeliverable)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with Receiver(status) as receiver, pytest.raises(NotDelivered, match="redirects are not followed") as caught:
        attempt(receiver.url())
    assert [received.path for received in receiver.received] == ["/hook"]
    assert not isinstance(caught.value, Undeliverable)


def test_410_is_given_up() -> None:
    with Receiver(410) as receiver, pytest.raises(Undeliverable, match="410"):
        attempt(receiver.url())


def test_nobody_there_is_worth_another_try() -> None:
    with Receiver() as receiver:
        url = receiver.url()
    with pytest.raises(NotDelivered, match=r"can't be reached: .*refused"):
        attempt(url)


@pytest.mark.parametrize("answer", [b"", b"\0\1\2\3\r\n", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 2\r\n\r\n"])
def test_what_is_no_http_is_worth_another_try(answer: bytes) -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        connected.sendall(answer)

    with raw_server(talk) as port, pytest.raises(NotDelivered, match="can't be reached"):
        attempt(f"http://127.0.0.1:{port}/")


# Receivers that take their time. The timeouts here are short, the servers slower by far.


def test_a_receiver_that_never_answers_is_not_waited_for() -> None:
    def talk(connected: socket.socket) -> None:
        while connected.recv(2**16):
            pass

    with raw_server(talk) as port, pytest.raises(NotDelivered, match=r"did not answer within 0.3 s"):
        attempt(f"http://127.0.0.1:{port}/", timeout_s=0.3)


def test_a_receiver_that_answers_byte_by_byte_is_not_waited_for() -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        for byte in b"HTTP/1.1 204 No Content\r\n\r\n":
            connected.sendall(bytes([byte]))
            time.sleep(0.1)

    with raw_server(talk) as port, pytest.raises(NotDelivered, match="did not answer within"):
        attempt(f"http://127.0.0.1:{port}/", timeout_s=0.5)


@pytest.mark.parametrize("drips", [False, True])
def test_a_receiver_that_hangs_in_the_tls_handshake_is_not_waited_for(drips: bool) -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        connected.sendall(b"\x16\x03\x03\x40\x00")  # the head of a record of 16 kB
        while drips:
            connected.sendall(b"\x02")
            time.sleep(0.05)
        connected.recv(2**16)

    with raw_server(talk) as port, pytest.raises(NotDelivered, match="did not answer within"):
        attempt(f"https://127.0.0.1:{port}/", timeout_s=0.4)


def test_an_answer_without_an_end_is_not_read_to_its_end() -> None:
    sent = 0

    def talk(connected: socket.socket) -> None:
        nonlocal sent
        connected.recv(2**16)
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        for _ in range(1000):
            connected.sendall(bytes(2**20))
            sent += 2**20

    with raw_server(talk) as port:
        attempt(f"http://127.0.0.1:{port}/")
    assert sent < 500 * 2**20


def test_a_status_in_time_counts_though_the_rest_of_the_answer_drags_on() -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in itertools.count():
            connected.sendall(b".")
            time.sleep(0.05)

    with raw_server(talk) as port:
        attempt(f"http://127.0.0.1:{port}/", timeout_s=0.4)


@pytest.mark.parametrize("rest", [b"no chunk\r\n", b"5\r\nab"])
def test_a_status_counts_though_the_rest_of_the_answer_is_broken(rest: bytes) -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        connected.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)

    with raw_server(talk) as port:
        attempt(f"http://127.0.0.1:{port}/")


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for the name, in one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl isn't installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hooks"
    files = ["-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
    names = ["-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
    subprocess.run([*command.split(), *files, *names], check=True, capture_output=True)
    (folder / "both").write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return folder / "both"


@pytest.fixture
def secure(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trust(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def test_https_is_verified_against_the_host_of_the_url(
    certificate: Path, secure: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(certificate, monkeypatch)
    with Receiver(tls=secure) as receiver:
        sender().send(f"https://{NAME}:{receiver.port}/hook", "msg_1", PAYLOAD)
        sender().send(f"https://127.0.0.1:{receiver.port}/hook", "msg_1", PAYLOAD)
    assert [received.headers["host"] for received in receiver.received] == [
        f"{NAME}:{receiver.port}",
        f"127.0.0.1:{receiver.port}",
    ]
    for received in receiver.received:
        Webhook(SECRET).verify(received.body, received.headers)


def test_a_certificate_for_the_address_but_another_name_is_refused(
    certificate: Path, secure: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(certificate, monkeypatch)
    rule = Hosts(("other.example", "127.0.0.1"), lambda host, port: ["127.0.0.1"])
    with (
        Receiver(tls=secure) as receiver,
        pytest.raises(NotDelivered, match=r"certificate is not valid for 'other.example'"),
    ):
        Sender(rule, SECRET).send(f"https://other.example:{receiver.port}/", "msg_1", PAYLOAD)
    assert receiver.received == []


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: ssl.SSLContext) -> None:
    with Receiver(tls=secure) as receiver, pytest.raises(NotDelivered, match="self-signed certificate"):
        sender().send(f"https://{NAME}:{receiver.port}/", "msg_1", PAYLOAD)
    assert receiver.received == []


@pytest.mark.parametrize(("url", "host"), [(f"http://{NAME}/", NAME), ("http://[::1]:8000/", "[::1]:8000")])
def test_the_host_header_has_no_default_port_and_brackets_around_ipv6(
    url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        there = socket.create_connection(("127.0.0.1", receiver.port))
        monkeypatch.setattr(socket, "create_connection", lambda address, timeout: there)
        Sender(Hosts((NAME, "::1"), lambda host, port: ["93.184.215.14"]), SECRET).send(url, "msg_1", PAYLOAD)
    assert receiver.received[0].headers["host"] == host
