"""The metadata of safetensors files, which the package gives of files on disk only, not of bytes."""

from __future__ import annotations

import json
from typing import Any

PREFIX = 8  # bytes at the beginning that say how long the JSON after them is


def metadata_of(data: bytes) -> dict[str, Any]:
    """The metadata of a file that was read before.

    Raises:
        ValueError, KeyError, TypeError: there is none.
    """
    size = int.from_bytes(data[:PREFIX], "little")
    metadata: dict[str, Any] = json.loads(data[PREFIX : PREFIX + size])["__metadata__"]
    return metadata
