"""traceparent by the grammar of W3C Trace Context."""

from __future__ import annotations

import pytest

from service.telemetry.tracing import Trace, continued, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f" 00-{TRACE}-{SPAN}-01\t", True),
        (f"01-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-will-be", True),
    ],
)
def test_what_is_valid_is_continued(header: str, sampled: bool) -> None:
    assert parse(header) == Trace(TRACE, SPAN, sampled)
    child = continued(header)
    assert (child.trace_id, child.sampled) == (TRACE, sampled)
    assert child.span_id != SPAN
    assert parse(child.header) == child


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0१",
    ],
)
def test_what_is_not_begins_a_new_trace(header: str) -> None:
    assert parse(header) is None
    new, other = continued(header), continued(header)
    assert parse(new.header) == new
    assert new.sampled
    assert new.trace_id not in (TRACE, other.trace_id)
