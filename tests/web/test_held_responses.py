"""A web process bounds the memory of large responses that its clients don't read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import b64, eventually, png
from tenants.people import keys_of_new
from web.serving import ROOM_MB, Client, WebServer, Wire, request

from bench.refusals import WebProcess, web_process
from service.api.http.held_responses import HELD, LARGE, LEAST, HeldResponses, free
from service.errors import Unavailable

PRESET = "large".ljust(60, "e")
STYLE = f"/v1/styles/{PRESET}"
PATH = f"{STYLE}/images/0"
LIST = "/v1/transfers?limit=200"
JSON = {"Content-Type": "application/json"}
SIDE = 1852  # 10.3 MB: more than sockets take, and 13 leave less than LARGE of a tenant's share
SMALL = b64(png(np.zeros((8, 8, 3), np.uint8)))


@pytest.mark.slow
def test_what_is_not_read_counts_until_its_clients_are_gone_and_leaves_room_to_other_tenants(tmp_path: Path) -> None:
    """Two thirds of LEAST are one tenant's."""
    picture = png(np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8))
    keys = keys_of_new(tmp_path, "acme", "birch")
    with web_process(data=tmp_path, max_body_mb=14, web_threads=2) as web:

        def ask(tenant: str, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
            sent = b"" if body is None else json.dumps(body).encode()
            return web.ask(method, path, sent, JSON | {"X-API-Key": keys[tenant]})

        for tenant in keys:
            assert ask(tenant, STYLE, "PUT", {"images": [{"image": b64(picture)}]})[0] == 201
        _add_jobs(tmp_path, ask("acme", "/v1/transfers", "POST", _job()))
        assert len(ask("acme", LIST)[1]) > LARGE
        for method in ("HEAD", "GET", "HEAD", "GET"):
            assert ask("acme", PATH, method)[0] == 200
        with ExitStack() as stack:
            for _ in range(2 * LEAST // 3 // len(picture)):
                _unread(stack, web, request("GET", PATH, None, f"X-API-Key: {keys['acme']}"))
            for path in (PATH, LIST):
                status, problem = ask("acme", path)
                assert (status, json.loads(problem)["type"]) == (503, "urn:nst:problem:unavailable"), path
            assert ask("acme", f"{STYLE}/image")[0] == 200, "it is small"
            assert ask("birch", PATH)[0] == 200
        for path in (PATH, LIST):
            eventually(lambda path=path: ask("acme", path)[0] == 200, 30, "they still count")


def _job() -> dict[str, Any]:
    """A transfer that is as long as possible, in JSON."""
    return {"content": SMALL, "size": 32, "variants": [{"styles": [{"preset": PRESET}] * 16}] * 16}


def _add_jobs(data: Path, first: tuple[int, Any]) -> None:
    """Have the only job fifty times."""
    assert first[0] == 202, first
    with closing(sqlite3.connect(data / "service.db", timeout=30)) as connection, connection:
        connection.execute("CREATE TEMP TABLE more AS SELECT * FROM jobs")
        for _ in range(49):
            connection.execute("UPDATE more SET id = lower(hex(randomblob(16))), number = number + 1")
            connection.execute("INSERT INTO jobs SELECT * FROM more")


def _unread(stack: ExitStack, server: WebServer | WebProcess, sent: bytes) -> Client:
    """A client whose response begins, and which doesn't read it."""
    client = stack.enter_context(Wire(server.port).connection())
    client.send(sent)
    assert client.begins() == 200
    return client


@pytest.mark.slow
def test_where_there_is_no_room_the_response_that_is_read_too_slowly_is_cut(web: WebServer) -> None:
    """It is of the tenant that holds most."""

    def ask(tenant: str, megabytes: int) -> bytes:
        return request("GET", f"/?held=1&megabytes={megabytes}", None, f"X-Tenant: {tenant}", "Connection: close")

    with ExitStack() as stack:
        acme = [_unread(stack, web, ask("acme", 10)) for _ in range(2 * ROOM_MB // 3 // 10)]
        assert web.raw(ask("acme", 10)).status == 503
        assert web.raw(ask("birch", 10)).status == 200
        eventually(lambda: web.raw(ask("birch", 30)).status == 200, 30, "nothing was cut")
        assert [len(client.rest()) > 10 * 2**20 for client in acme] == [False, True, True, True]


def test_what_a_request_holds_itself_is_in_nobody_s_way() -> None:
    answers = HeldResponses(4 * LARGE, "large responses")
    pack, other = dict[str, Any](), dict[str, Any]()
    answers.hold(pack, "acme", 5 * LARGE)  # more than all, but alone
    answers.hold(pack, "acme", 3 * LARGE)
    with pytest.raises(Unavailable):
        answers.hold(other, "birch", 2 * LARGE)
    answers.hold(other, "birch", LARGE)
    free(pack)
    with pytest.raises(Unavailable):
        answers.hold(pack, "birch", 2 * LARGE)
    assert not pack[HELD]


def test_what_a_request_may_hold_is_not_weighed_again() -> None:
    answers, acme = HeldResponses(6 * LARGE, "large responses"), dict[str, Any]()
    answers.hold({}, "acme", 2 * LARGE)
    answers.hold(acme, "acme", 2 * LARGE)
    answers.hold({}, "birch", LARGE)
    answers.hold(acme, "acme", 2 * LARGE)
    with pytest.raises(Unavailable):
        answers.hold(acme, "acme", 2 * LARGE + 1)


def test_what_is_cut_is_slow_and_of_the_tenant_that_holds_most_and_makes_room() -> None:
    answers, acme, birch = HeldResponses(6 * LARGE, "large responses", slow_s=0), Reader(), Reader()
    answers.hold(acme.environ(), "acme", 2 * LARGE)
    answers.hold(birch.environ(), "birch", 3 * LARGE)
    answers.hold({}, "birch", LARGE)
    assert (acme.cuts, birch.cuts) == (0, 1), "its own, as it holds more"
    with pytest.raises(Unavailable):
        answers.hold({}, "cedar", 6 * LARGE)
    assert acme.cuts == 0, "it would be in vain"
    answers.hold({}, "cedar", 5 * LARGE)
    assert acme.cuts == 1


class Reader:
    """A client that is behind."""

    unread_since = 0.0

    def __init__(self) -> None:
        self.cuts = 0

    def environ(self) -> dict[str, Any]:
        return {"gunicorn.socket": self}

    def shutdown(self, how: int) -> None:
        self.cuts += 1
