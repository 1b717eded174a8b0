"""The header and metadata of safetensors files; the package reads them from files on disk only, not from bytes."""

from __future__ import annotations

import json
from typing import Any

PREFIX = 8  # bytes at the beginning that say how long the JSON after them is
METADATA = "__metadata__"  # the header's key for the file's metadata
LONGEST = 2**20  # bytes of that JSON at most
ALIGNMENT = 8  # bytes: the JSON ends with spaces up to a multiple of it


def header_of(data: bytes) -> dict[str, Any]:
    """Return a file's header: an entry for each tensor and, under `__metadata__`, the metadata; read nothing else.

    Raises:
        ValueError: there is no header, or it is longer than LONGEST; the message says what is wrong with the file.
    """
    if not begins_as_safetensors(data):
        raise ValueError("it is no safetensors file" if data else "it is empty")
    size = int.from_bytes(data[:PREFIX], "little")
    if size > LONGEST:
        raise ValueError(f"its header has {size:,} bytes, where {LONGEST:,} are read at most")
    if size > len(data) - PREFIX:
        raise ValueError("it is cut off within its header")
    try:
        header = json.loads(data[PREFIX : PREFIX + size])
    except (ValueError, RecursionError):
        header = None
    if isinstance(header, dict):
        return header
    raise ValueError("its header is no JSON object")


def begins_as_safetensors(data: bytes) -> bool:
    """Return whether a file has the brace of a header behind the header's length."""
    return data[PREFIX : PREFIX + 1] == b"{"


def header_bytes(data: bytes) -> int:
    """Return the bytes of a file before its tensors."""
    return PREFIX + int.from_bytes(data[:PREFIX], "little")


def metadata_of(data: bytes) -> dict[str, Any]:
    """Return a file's metadata.

    Raises:
        ValueError, KeyError: there is none.
    """
    metadata: dict[str, Any] = header_of(data)[METADATA]
    return metadata


def with_metadata(data: bytes, metadata: dict[str, str]) -> bytes:
    """Return a file with other metadata. Its tensors stay as they are: their places count from the header's end.

    Raises as `header_of`.
    """
    header = json.dumps(header_of(data) | {METADATA: metadata}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    return b"".join([len(header).to_bytes(PREFIX, "little"), header, memoryview(data)[header_bytes(data) :]])
