"""A web process bounds the memory of large files that its clients don't read."""

from __future__ import annotations

import json
from contextlib import ExitStack

import numpy as np
import pytest
from front_door import b64, eventually, png
from web.serving import Wire, request

from bench.refusals import web_process
from service.api.http.answers import HELD, LARGE, LEAST, Answers
from service.errors import Unavailable

PATH = "/v1/styles/large/images/0"
NOISE = np.random.default_rng(0).integers(0, 255, (1800, 1800, 3), np.uint8)  # 9.7 MB: more than sockets take


def test_files_that_are_not_read_count_until_their_clients_are_gone() -> None:
    """There is room for LEAST bytes of them."""
    picture = png(NOISE)
    body = json.dumps({"images": [{"image": b64(picture)}]}).encode()
    with web_process(max_body_mb=13, web_threads=2) as web:
        assert web.ask("PUT", "/v1/styles/large", body, {"Content-Type": "application/json"})[0] == 201
        for method in ("HEAD", "GET", "HEAD", "GET"):
            assert web.ask(method, PATH)[0] == 200
        with ExitStack() as stack:
            for _ in range(LEAST // len(picture)):
                client = stack.enter_context(Wire(web.port).connection())
                client.send(request("GET", PATH))
                assert client.sock.recv(12) == b"HTTP/1.1 200"
            status, problem = web.ask("GET", PATH)
            assert (status, json.loads(problem)["type"]) == (503, "urn:nst:problem:unavailable")
            assert web.ask("GET", "/v1/styles/large/image")[0] == 200, "it is small"
        eventually(lambda: web.ask("GET", PATH)[0] == 200, 30, "they still count")


def test_what_a_request_holds_itself_is_in_nobody_s_way() -> None:
    answers, pack, other = Answers(4 * LARGE), dict[str, object](), dict[str, object]()
    answers.hold(pack, "acme", 3 * LARGE)  # more than acme's share, but alone
    answers.hold(pack, "acme", LARGE)
    with pytest.raises(Unavailable):
        answers.hold(other, "birch", LARGE)
    answers.free(pack)
    answers.hold(other, "birch", LARGE)
    with pytest.raises(Unavailable):
        answers.hold(pack, "birch", 2 * LARGE)
    assert HELD not in pack
