"""Zip files that are made while they are sent."""

from __future__ import annotations

import io
import zipfile
from functools import partial

from batches.streamed_zip import entries

from service.api.http.zip_stream import zipped


def test_the_first_bytes_come_before_the_last_file_is_read() -> None:
    read: list[int] = []

    def file(i: int) -> bytes:
        read.append(i)
        return bytes([i]) * 1000

    stream = zipped((f"{i}.png", partial(file, i)) for i in range(3))
    begin = next(stream)
    assert (read, b"\0" * 1000 in begin) == ([0], True)
    whole = begin + b"".join(stream)
    assert entries(whole) == {f"{i}.png": bytes([i]) * 1000 for i in range(3)}
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
