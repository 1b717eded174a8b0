"""Responses and bodies that are files, in the OpenAPI description."""

from __future__ import annotations

from typing import Any

BINARY = {"schema": {"type": "string", "format": "binary"}}


def files(*media_types: str) -> Any:
    """Return the `responses` of a view that sends a file of one of these media types."""
    return {"200": {"content": dict.fromkeys(media_types, BINARY)}}
