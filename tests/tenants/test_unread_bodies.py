"""Bodies of requests that are refused by their heads: nobody reads them."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from pathlib import Path

import pytest
from front_door import RunningService, b64, eventually
from tenants.people import Person
from web.serving import Client, Wire, chunked, request

from service.api.context import KEY
from service.config import Settings
from service.web.app import create_app
from service.web.bodies import NoBody

pytestmark = pytest.mark.slow

LARGE = 60 * 2**20  # bytes, below NST_MAX_BODY_MB
BEGUN = 50_000  # bytes of it that are sent: more than come with the head
REFUSED = {
    "no key": ("POST", "/v1/transfers", None, 401),
    "a wrong key": ("PUT", "/v1/styles/mine", "nst_" + "A" * 43, 401),
    "a key without the scope": ("POST", "/v1/transfers", "reader", 403),
    "no such path": ("POST", "/v1/nothing", "reader", 404),
    "no such method": ("PUT", "/v1/transfers", "reader", 405),
    "a path without keys": ("POST", "/livez", None, 405),
}


@pytest.fixture(scope="module")
def wire(house: RunningService, root: Person) -> Wire:
    return Wire(house.port)


@pytest.fixture(scope="module")
def keys(birch: Person) -> dict[str | None, str]:
    return {"reader": birch.with_key(["read"]).key, "runner": birch.with_key(["run"]).key}


def begun(method: str, path: str, key: str | None, *fields: str) -> bytes:
    """The head of a request with a large body."""
    more = (f"X-API-Key: {key}",) if key else ()
    return request(method, path, None, f"Content-Length: {LARGE}", *more, *fields)


def test_an_odd_key_with_a_whole_body_ends_no_process(house: RunningService, wire: Wire) -> None:
    before = house.children("gunicorn")
    for key in (b"Basic \xe9", b"Basic \xc3\xa9", b"Bearer \xe9", b"Digest =", b"Basic ====", b"\xff"):
        with wire.connection() as client:
            client.send(
                request("POST", "/v1/transfers", b"{}").replace(b"\r\n", b"\r\nAuthorization: " + key + b"\r\n", 1)
            )
            assert client.answer().status in (400, 401)
    assert house.children("gunicorn") == before


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_its_head_refuses_is_answered_before_its_body_comes(
    wire: Wire, keys: dict[str | None, str], case: str
) -> None:
    method, path, who, status = REFUSED[case]
    with wire.connection() as client:
        client.send(begun(method, path, keys.get(who, who)), b"x" * BEGUN)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert answer.json["status"] == status


def test_neither_is_the_body_read_of_a_tenant_that_has_used_up_its_rate(wire: Wire, root: Person) -> None:
    assert root.post("/v1/tenants", {"name": "floods"}).status_code == 201
    key = root.with_key(["run", "read"], tenant="floods").key
    limits = {"limits": {"requests": 0.01, "burst": 1}}
    assert root.ask("PATCH", "/v1/tenants/floods", limits).status_code == 200
    with wire.connection() as client:  # which stays with one web process

        def is_limited() -> bool:
            client.send(request("GET", "/v1/styles", None, f"X-API-Key: {key}"))
            return client.answer().status == 429

        eventually(is_limited, 30, "no request is refused")
        client.send(begun("POST", "/v1/transfers", key), b"x" * BEGUN)
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (429, "close")
        assert answer.json["limit"]["name"] == "requests"
        assert answer.headers["ratelimit"] == f'"requests";r=0;t={answer.headers["retry-after"]}'


def test_in_chunks_too_and_a_client_that_waits_for_100_hears_it_at_once(wire: Wire) -> None:
    with wire.connection() as client:
        client.send(chunked(b"x" * BEGUN, b"x" * BEGUN).replace(b"POST / ", b"POST /v1/transfers ")[: 2 * BEGUN])
        assert client.answer().status == 401
    with wire.connection() as client:
        client.send(begun("POST", "/v1/transfers", None, "Expect: 100-continue"))
        assert client.answer().status == 401


def test_who_sends_everything_before_reading_gets_the_answer(wire: Wire) -> None:
    with wire.connection() as client:
        client.send(begun("POST", "/v1/transfers", None), *(LARGE // 2**20 * [bytes(2**20)]))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer().status == 401


def test_a_body_that_is_wanted_is_read(wire: Wire, keys: dict[str | None, str], photo_png: bytes) -> None:
    body = json.dumps({"content": b64(photo_png), "styles": [], "padding": "x" * BEGUN}).encode()
    fields = ("Content-Type: application/json", f"X-API-Key: {keys['runner']}")
    head = request("POST", "/v1/transfers", None, f"Content-Length: {len(body)}", *fields, "Expect: 100-continue")
    with wire.connection() as client:
        for _ in range(2):  # the connection stays
            client.send(head)
            assert client.answer().status == 100
            client.send(body[:BEGUN], body[BEGUN:], pause=0.05)
            _refused_by_its_fields(client)


def _refused_by_its_fields(client: Client) -> None:
    answer = client.answer()
    assert answer.status == 422
    assert {error["loc"] for error in answer.json["errors"]} == {"styles", "padding"}


def test_a_request_whose_key_counts_a_moment_too_late_can_be_sent_again(data_folder: Path) -> None:
    app = create_app(Settings(data=data_folder, starters=False))
    with closing(app.extensions[KEY].database):
        answer = app.test_client().post(
            "/v1/transfers",
            content_length=LARGE,
            content_type="application/json",
            environ_overrides={"wsgi.input": NoBody()},
        )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "send it again" in answer.get_data(as_text=True)
