"""Over https the receiver proves to be the host of the URL."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from webhooks.receiver import SECRET, Receiver
from webhooks.sending import NAME, PAYLOAD, sender

from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.exchange import NotDelivered
from service.webhooks.sender import Sender


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
    rule = Hosts(WEBHOOKS, ("other.example", "127.0.0.1"), lambda host, port: ["127.0.0.1"])
    with (
        Receiver(tls=secure) as receiver,
        pytest.raises(NotDelivered, match=r"certificate is not valid for 'other.example'"),
    ):
        Sender(rule, (SECRET,)).send(f"https://other.example:{receiver.port}/", "msg_1", PAYLOAD)
    assert receiver.received == []


@pytest.mark.slow
def test_a_certificate_that_nobody_vouches_for_is_refused(secure: ssl.SSLContext) -> None:
    with Receiver(tls=secure) as receiver, pytest.raises(NotDelivered, match="self-signed certificate"):
        sender().send(f"https://{NAME}:{receiver.port}/", "msg_1", PAYLOAD)
    assert receiver.received == []
