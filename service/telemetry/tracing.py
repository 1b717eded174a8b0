"""W3C Trace Context: the request of another service that some work belongs to."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace

HEADER = "traceparent"
SAMPLED = 1

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True)
class Trace:
    """A span of a trace. `trace_id` has 32 and `span_id` 16 hexadecimal digits, neither all zero."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def header(self) -> str:
        """The `traceparent` to send for this span."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"

    def child(self) -> Trace:
        """Return a new span of the same trace."""
        return replace(self, span_id=_new_id(8))


def continued(header: str | None) -> Trace:
    """Return a new span of the trace in a `traceparent`; of a new trace if that is missing or invalid."""
    parent = parse(header or "")
    return parent.child() if parent else Trace(_new_id(16), _new_id(8))


def parse(header: str) -> Trace | None:
    """Parse a `traceparent`; None if it is invalid by the specification.

    Later versions than 00 may have more fields behind those of 00.
    """
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & SAMPLED))


def _new_id(size: int) -> str:
    """Return the hexadecimal digits of random bytes, not all zero."""
    return secrets.token_hex(size - 1) + f"{secrets.randbelow(255) + 1:02x}"
