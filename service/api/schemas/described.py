"""Fields of response bodies, and the examples that many of them share."""

from __future__ import annotations

from typing import Any

from pydantic import Field

SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
DATE_TIME = {"format": "date-time"}
TIME = "2026-11-23T07:00:00.000Z"
VERSION = "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d"  # id of a preset's state


def described(doc: str, example: Any, *default: Any, **rules: Any) -> Any:
    """Return a pydantic field with a description and an example; with a default the field may be missing."""
    return Field(*default, description=doc, examples=[example], **rules)


def status(of: str) -> Any:
    """Return the pydantic field of a job's status."""
    return described(f"Status of the {of}.", "succeeded")


def pixels(doc: str, example: int) -> Any:
    """Return the pydantic field of a length in pixels."""
    return described(f"{doc}, in pixels.", example, ge=1)


def sha256(doc: str) -> Any:
    """Return the pydantic field of a file's SHA-256."""
    return described(f"SHA-256 of {doc}, in hexadecimal.", SHA256)
