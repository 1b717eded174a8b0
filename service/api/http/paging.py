"""Cursors: the place where a page ended, as text that is opaque to callers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from service.errors import InvalidInput
from service.storage.names import is_name

Row = TypeVar("Row")


def to_cursor(*place: Any) -> str:
    """Return the cursor for a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def from_cursor(cursor: str, *types: type) -> tuple[Any, ...]:
    """Return the place that a cursor holds. Raises InvalidInput unless it has values of these types."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        place = None
    fits = isinstance(place, list) and [type(value) for value in place] == list(types)
    if not fits or not all(map(_is_ours, place)):
        raise InvalidInput.field("cursor", "not a cursor that this service gave")
    return tuple(place)


def page_of(
    rows: Sequence[Row], limit: int, place: Callable[[Row], tuple[Any, ...]]
) -> tuple[Sequence[Row], str | None]:
    """Return at most `limit` of the rows, and the cursor for those after them: None where there are no more.

    `place` gives the place of a row in the list.
    """
    shown = rows[:limit]
    return shown, to_cursor(*place(shown[-1])) if len(rows) > limit else None


def _is_ours(value: Any) -> bool:
    """Return whether a cursor can hold the value: a name, an id, a time, or a place in a batch."""
    return is_name(value) if isinstance(value, str) else 0 <= value < 2**63
