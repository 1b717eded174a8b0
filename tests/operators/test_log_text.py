"""The log as text, for a terminal."""

from __future__ import annotations

import logging

from service.telemetry.logs import _formatter


def test_what_a_caller_sent_stays_on_its_line() -> None:
    record = logging.makeLogRecord(
        {"msg": "GET %s", "args": ("/x\nCRITICAL forged\x1b[31m\u2028",), "levelname": "INFO"}
    )
    line = _formatter("text").format(record)
    assert line.endswith("GET /x\\nCRITICAL forged\\x1b[31m\\u2028")
    assert len(line.splitlines()) == 1
