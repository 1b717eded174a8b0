"""Zip files that their clients read slowly take little memory, and no more than their places."""

from __future__ import annotations

import hashlib
import random
from contextlib import ExitStack

import pytest
from batches.painting import Batching, named
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
    picture = _enlarged(batching, id, 40 * MB)
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


def _enlarged(batching: Batching, id: str, size: int) -> bytes:
    """Put bytes that can't be compressed in place of a batch's only picture; return them."""
    (item,) = batching.items(id)
    old = hashlib.sha256(batching.get(item["links"]["image"]).content).hexdigest()
    picture = random.Random(0).randbytes(size)
    new = hashlib.sha256(picture).hexdigest()
    batching.execute("UPDATE jobs SET result = replace(result, ?, ?) WHERE id = ?", old, new, item["id"])
    files = [
        path for path in (batching.data / "blobs" / "jobs").rglob("*") if path.is_file() and item["id"] in str(path)
    ]
    (file,) = (path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() == old)
    file.write_bytes(picture)
    return picture
