"""Numbers as JSON writes them: 64.0 is an integer there."""

from __future__ import annotations

from typing import Any


def as_whole(value: Any) -> Any:
    """Return the integer of a float that is one, as 64.0 is; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
