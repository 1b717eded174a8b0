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
        ValueError, TypeError, RecursionError: there is no header, or it is longer than LONGEST.
    """
    size = int.from_bytes(data[:PREFIX], "little")
    if size > LONGEST:
        raise ValueError(f"its header has {size:,} bytes, where {LONGEST:,} are read at most")
    header = json.loads(data[PREFIX : PREFIX + size])
    if not isinstance(header, dict):
        raise TypeError("its header is no object")
    return header


def metadata_of(data: bytes) -> dict[str, Any]:
    """Return a file's metadata.

    Raises:
        ValueError, KeyError, TypeError, RecursionError: there is none.
    """
    metadata: dict[str, Any] = header_of(data)[METADATA]
    return metadata


def with_metadata(data: bytes, metadata: dict[str, str]) -> bytes:
    """Return a file with other metadata. Its tensors stay as they are: their places count from the header's end.

    Raises as `header_of`.
    """
    size = int.from_bytes(data[:PREFIX], "little")
    header = json.dumps(header_of(data) | {METADATA: metadata}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % ALIGNMENT)
    return b"".join([len(header).to_bytes(PREFIX, "little"), header, memoryview(data)[PREFIX + size :]])
