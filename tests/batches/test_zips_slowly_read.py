"""Zip files that their clients read slowly take little memory, and no more than their places."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from batches.painting import Batching, enlarge_picture, named
from batches.streamed_zip import entries
from front_door import eventually
from web.serving import Wire, request

from bench.refusals import WebProcess
from service.storage.blobs import PIECE

pytestmark = pytest.mark.slow

PLACES = 5  # of eight, for one tenant
MB = 10**6


def test_zips_that_are_not_read_take_pieces_of_their_pictures_and_leave_places(batching: Batching) -> None:
    id = batching.made([named(0, "large.png")])["id"]
    batching.batch_ended(id)
    picture = enlarge_picture(batching, batching.items(id)[0]["id"], 40 * MB)
    path = f"/v1/batches/{id}/zip"
    web = WebProcess(batching.children("gunicorn")[-1], batching.port)
    assert batching.get(f"/v1/batches/{id}/zip").status_code == 200
    before = web.memory()
    with ExitStack() as stack:
        for _ in range(PLACES):
            client = stack.enter_context(Wire(batching.port).connection())
            client.send(request("GET", path))
            assert client.begins() == 200
            assert len(client.sock.recv(PIECE)) > 0
        refused = batching.get(path)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:nst:problem:unavailable")
        assert web.memory() - before < 40 * MB
    eventually(lambda: batching.get(path).status_code == 200, 30, "their places are not free again")
    assert entries(batching.get(path).content) == {"large.png": picture}
