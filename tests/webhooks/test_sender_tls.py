"""Over https the receiver proves to be the host of the URL."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from webhooks.receiver import SECRET, Receiver
from webhooks.sending import NAME, PAYLOAD, sender

from service.outbound.hosts import WEBHOOKS, Hosts
from service.webhooks.exchange import NotDelivered
from service.webhooks.sender import Sender


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
