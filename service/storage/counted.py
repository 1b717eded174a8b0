"""What files and rows count for the limits on a tenant's and a caller's bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from service.storage.json_text import write_json

BLOCK = 4096  # bytes that a file takes on a disk, however small it is
ROW = 1024  # bytes of a row without its JSON, with its places in the indexes


def files_bytes(sizes: Iterable[int]) -> int:
    """Return what files of these sizes count in bytes: each at least a block of the disk."""
    return sum(max(BLOCK, size) for size in sizes)


def row_bytes(*values: Any) -> int:
    """Return what a row counts in bytes whose JSON columns and long texts have these values."""
    return ROW + sum(len(write_json(value)) for value in values if value)
