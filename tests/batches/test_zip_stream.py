"""Zip files that are made while they are sent."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import pytest
from batches.streamed_zip import entries
from jobs.submitting import REQUEST

from service.api.http.zip_stream import zipped
from service.api.views.batches import _parts
from service.jobs.batches import Batches, BatchItem
from service.jobs.limits import Limits
from service.jobs.queue import Queue, Submission, new_id
from service.storage.database import Database

SIZE = 2**17  # bytes, more than are held back


def test_the_first_bytes_come_before_the_rest_is_read() -> None:
    read: list[int] = []

    def file(i: int) -> Iterator[bytes]:
        for _ in range(2):
            read.append(i)
            yield bytes([i]) * SIZE

    stream = zipped(((f"{i}.png", partial(file, i)) for i in range(3)), lambda: True)
    begin = next(stream)
    assert (read, b"\0" * 1000 in begin) == ([0], True)
    whole = begin + b"".join(stream)
    assert entries(whole) == {f"{i}.png": bytes([i]) * 2 * SIZE for i in range(3)}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None


def test_names_are_such_as_every_system_takes_and_tells_apart() -> None:
    names = {
        "Photo.png": "Photo.png",
        "photo.png": "photo (2).png",
        "STRASSE.png": "STRASSE.png",
        "straße.png": "straße (2).png",
        "cafe\u0301.png": "cafe\u0301.png",
        "caf\u00e9.png": "caf\u00e9 (2).png",
        "photo (2).png": "photo (2) (2).png",
        'what: a "day"? <1|2>*\\.png': "what_ a _day__ _1_2___.png",
        "CON.png": "_CON.png",
        "nul .tar.png": "_nul .tar.png",
        "com¹.png": "_com¹.png",
        "console.png": "console.png",
        "end. .": "end",
    }
    found = entries(b"".join(zipped(((name, partial(list, [name.encode()])) for name in names), lambda: True)))
    assert list(found) == list(names.values())
    assert [content.decode() for content in found.values()] == list(names)


def test_a_batch_that_is_deleted_meanwhile_gives_no_whole_zip_file(database: Database) -> None:
    batches = Batches(database, Limits())
    batch = batches.submit(new_id(), [BatchItem(Submission(new_id(), REQUEST, "a")) for _ in range(2)], None, None)
    rows = batches.items(batch)
    Queue(database, Limits()).delete(rows[1].id)
    app = SimpleNamespace(batches=batches, blobs=None)
    with pytest.raises(ConnectionAbortedError, match="deleted while they were sent"):
        list(zipped(_parts(rows, app), lambda: True))  # type: ignore[arg-type]
