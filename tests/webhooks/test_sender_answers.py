"""An attempt is judged by the status of the answer, which is waited for only so long."""

from __future__ import annotations

import itertools
import socket
import time

import pytest
from webhooks.receiver import Receiver, raw_server
from webhooks.sending import attempt

from service.webhooks.exchange import NotDelivered, Undeliverable


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
@pytest.mark.slow
def test_a_status_counts_though_the_rest_of_the_answer_is_broken(rest: bytes) -> None:
    def talk(connected: socket.socket) -> None:
        connected.recv(2**16)
        connected.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest)

    with raw_server(talk) as port:
        attempt(f"http://127.0.0.1:{port}/")
