"""A webhook goes to the address that was checked and to no other, whatever the name leads to later."""

from __future__ import annotations

import socket

import pytest
from webhooks.receiver import SECRET, Receiver
from webhooks.sending import NAME, PAYLOAD, attempt, sender

from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.exchange import NotDelivered, Undeliverable
from service.webhooks.sender import Sender


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
        Sender(Hosts(WEBHOOKS, (NAME, "127.0.0.1"), resolver), (SECRET,)).send(
            f"http://{NAME}:{receiver.port}/hook", "msg_1", PAYLOAD
        )
    assert asked == [NAME]
    (received,) = receiver.received
    assert received.headers["host"] == f"{NAME}:{receiver.port}"


def test_an_address_that_is_refused_is_not_connected_to() -> None:
    with Receiver() as receiver:
        rule = Hosts(WEBHOOKS, (NAME,), lambda host, port: ["127.0.0.1"])
        with pytest.raises(NotDelivered, match="not public") as caught:
            Sender(rule, (SECRET,)).send(f"http://{NAME}:{receiver.port}/", "msg_1", PAYLOAD)
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
        Sender(Hosts(WEBHOOKS, (NAME,), resolver), (SECRET,)).send(f"http://{NAME}/", "msg_1", PAYLOAD)
    assert not isinstance(caught.value, Undeliverable)


@pytest.mark.parametrize(("url", "host"), [(f"http://{NAME}/", NAME), ("http://[::1]:8000/", "[::1]:8000")])
def test_the_host_header_has_no_default_port_and_brackets_around_ipv6(
    url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        there = socket.create_connection(("127.0.0.1", receiver.port))
        monkeypatch.setattr(socket, "create_connection", lambda address, timeout: there)
        Sender(Hosts(WEBHOOKS, (NAME, "::1"), lambda host, port: ["93.184.215.14"]), (SECRET,)).send(
            url, "msg_1", PAYLOAD
        )
    assert receiver.received[0].headers["host"] == host
