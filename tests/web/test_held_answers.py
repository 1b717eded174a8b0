"""A web process bounds the memory of large files that its clients don't read."""

from __future__ import annotations

import json
from contextlib import ExitStack

import numpy as np
from front_door import b64, eventually, png
from web.serving import Wire, request

from bench.refusals import web_process

PATH = "/v1/styles/large/images/0"
NOISE = np.random.default_rng(0).integers(0, 255, (1800, 1800, 3), np.uint8)  # 9.7 MB: more than sockets take


def test_files_that_are_not_read_count_until_their_clients_are_gone() -> None:
    """There is room for two of them."""
    body = json.dumps({"images": [{"image": b64(png(NOISE))}]}).encode()
    with web_process(max_body_mb=13, web_threads=2) as web:
        assert web.ask("PUT", "/v1/styles/large", body, {"Content-Type": "application/json"})[0] == 201
        for method in ("HEAD", "GET", "HEAD", "GET"):
            assert web.ask(method, PATH)[0] == 200
        with ExitStack() as stack:
            for _ in range(2):
                client = stack.enter_context(Wire(web.port).connection())
                client.send(request("GET", PATH))
                assert client.sock.recv(12) == b"HTTP/1.1 200"
            status, problem = web.ask("GET", PATH)
            assert (status, json.loads(problem)["type"]) == (503, "urn:nst:problem:unavailable")
            assert web.ask("GET", "/v1/styles/large/image")[0] == 200, "it is small"
        eventually(lambda: web.ask("GET", PATH)[0] == 200, 30, "they still count")
