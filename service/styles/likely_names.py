"""The name that a caller most likely meant by one that doesn't exist."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from difflib import get_close_matches

COMPARED = 20  # names that difflib compares: it takes up to 0.7 ms for each


def likely_meant(name: str, names: Iterable[str]) -> str | None:
    """Return the one of these names that is most like a name; None if none is like it.

    Only those are compared that have most characters in common with it at the beginning and at the end.
    """
    near = heapq.nlargest(COMPARED, names, key=lambda other: _shared_ends(name, other))
    return next(iter(get_close_matches(name, near, n=1)), None)


def _shared_ends(one: str, other: str) -> int:
    return _shared_beginning(one, other) + _shared_beginning(one[::-1], other[::-1])


def _shared_beginning(one: str, other: str) -> int:
    return next((k for k, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
