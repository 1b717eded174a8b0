"""The limits of tenants: their words, and what their values may be. Each is a setting too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.settings import values


@dataclass(frozen=True)
class Limit:
    """A limit. Its values lie between `low` and `high`; `parse` reads one from a text."""

    doc: str
    low: float
    high: float
    parse: Callable[[str], Any]

    def read(self, text: str) -> Any:
        """Return a value from a text. Raises ValueError that says what it must be."""
        value = values.parsed(text, self.parse, self.low)
        if value > self.high:
            raise ValueError(f"must be at most {self.high:g}")
        return value


def _whole(doc: str) -> Limit:
    return Limit(doc, 1, 1_000_000_000, values.whole)


MOST_MIB = 900_000_000  # as bytes this has 15 digits, as many as a number in a structured field may (RFC 9651)
LIMITS = {
    "requests": Limit("requests a second", 0.01, 1_000_000, values.number),
    "burst": _whole(
        "requests at once after a pause, if not as many as in a second; "
        "it has an effect only while requests a second are limited"
    ),
    "waiting_jobs": _whole("jobs that wait"),
    "running_jobs": _whole("jobs that run at once; further ones wait"),
    "daily_cost": Limit("megapixel-evaluations a day (UTC)", 0.001, 1_000_000_000, values.number),
    "stored_mb": Limit("what is kept of jobs and presets, in MiB", 0.001, MOST_MIB, values.number),
    "presets": _whole("presets"),
    "streams": _whole("event streams that all web processes of a server keep open"),
}
"""The limits of a tenant, by name."""
