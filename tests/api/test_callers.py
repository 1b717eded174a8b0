"""Who counts as one caller where there are no keys: an address, however a proxy writes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import request
from flask.testing import FlaskClient

from service.api.context import KEY
from service.api.http.access_log import CALLER
from service.config import Settings
from service.web.app import create_app


@pytest.fixture
def client(data_folder: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(data=data_folder, starters=False, trusted_proxies=1))
    with closing(app.extensions[KEY].database):
        yield app.test_client()


def caller(client: FlaskClient, forwarded_for: str) -> str:
    with client:
        assert client.get("/v1/styles", headers={"X-Forwarded-For": forwarded_for}).status_code == 200
        name: str = request.environ[CALLER]
        return name


@pytest.mark.parametrize(
    "written, address",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:40000", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7:40001", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:0DB8:0::7", "2001:db8::/64"),
        ("[2001:db8::7]", "2001:db8::/64"),
        ("[2001:db8::7]:40000", "2001:db8::/64"),
        ("2001:db8::99:7", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("fe80::7%eth0", "fe80::7%eth0"),
        ("fd12::7", "fd12::7"),
        ("::1", "::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:40000", "203.0.113.7"),
        ("unknown", "unknown"),
        ("_hidden:40000", "_hidden"),
        ("x" * 5000, "x" * 64),
        ("fe80::7%" + "x" * 5000, "fe80::7%" + "x" * 56),
    ],
)
def test_an_address_is_one_caller_with_any_port(client: FlaskClient, written: str, address: str) -> None:
    assert caller(client, written) == f"address:{address}"
