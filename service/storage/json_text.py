"""JSON as text: the parser of columns, and the writer for columns and responses."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json


@dataclass(frozen=True)
class Unparsed:
    """A column's text that is no JSON. Readers of a column refuse it, as they do JSON of an unknown shape."""

    text: str | bytes


def read_json(text: str | bytes) -> Any:
    """Parse a JSON column; text that is broken gives Unparsed, so that the other rows of a query can be read.

    pydantic_core takes half of the standard library's time, but refuses lone surrogates: json reads those.
    """
    try:
        return from_json(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return Unparsed(text)


def write_json(value: Any, **formatting: Any) -> str:
    """Return JSON that every parser takes: NaN and the infinities, which JSON doesn't have, become null."""
    try:
        return json.dumps(value, allow_nan=False, **formatting)
    except ValueError:
        return json.dumps(_without_nonfinite(value), allow_nan=False, **formatting)


def _without_nonfinite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nonfinite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nonfinite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
