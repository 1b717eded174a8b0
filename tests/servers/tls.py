"""Fixtures of servers that speak TLS."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

TLS_NAME = "hooks.example.com"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for TLS_NAME, in one PEM file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl isn't installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hooks"
    files = ["-keyout", f"{folder}/key", "-out", f"{folder}/certificate"]
    names = ["-addext", f"subjectAltName=DNS:{TLS_NAME},IP:127.0.0.1"]
    subprocess.run([*command.split(), *files, *names], check=True, capture_output=True)
    (folder / "both").write_bytes((folder / "key").read_bytes() + (folder / "certificate").read_bytes())
    return folder / "both"


@pytest.fixture
def secure(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
