"""The log as text, for a terminal."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator

import pytest

from service.telemetry import log_stream
from service.telemetry.log_stream import LogStream
from service.telemetry.logs import _formatter, _Handler


def test_what_a_caller_sent_stays_on_its_line() -> None:
    record = logging.makeLogRecord(
        {"msg": "GET %s", "args": ("/x\nCRITICAL forged\x1b[31m\u2028",), "levelname": "INFO"}
    )
    line = _formatter("text").format(record)
    assert line.endswith("GET /x\\nCRITICAL forged\\x1b[31m\\u2028")
    assert len(line.splitlines()) == 1


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes 8 KiB, by its two ends."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 8192)
    yield ends
    for end in ends:
        os.close(end)


def test_lines_that_nobody_reads_are_lost_and_counted(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "PATIENCE_MS", 10)
    handler = _Handler(LogStream(pipe[1]))
    for number in range(5):
        handler.handle(logging.makeLogRecord({"msg": f"{number}" * 3000}))
    read = os.read(pipe[0], 2**16).decode()
    handler.handle(logging.makeLogRecord({"msg": "read again"}))
    lines = (read + os.read(pipe[0], 2**16).decode()).splitlines()
    whole = [line[0] for line in lines if len(line) == 3000]
    assert whole == [f"{number}" for number in range(len(whole))]
    assert lines[-2:] == [
        f"{5 - len(whole)} lines of this process are missing here: nobody read its log",
        "read again",
    ]


def test_a_line_of_the_log_is_cut_nowhere(pipe: tuple[int, int]) -> None:
    stream = LogStream(pipe[1])
    for _ in range(10):
        stream.write("\u00e9" * 3000 + "\n")
        assert os.read(pipe[0], 2**16).decode() == "\u00e9" * 3000 + "\n"
    assert stream.lost == 0
