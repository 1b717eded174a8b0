"""Messages for pydantic's findings, in words for callers: no regular expressions, no types of Python."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from service.api.schemas.patterns import WORDS

OBJECT = "must be an object"
MESSAGES = {
    "missing": "is required",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have at most {max_length} entries",
}
"""Kinds of findings -> what is said instead of pydantic's own message."""


def in_words(found: ErrorDetails) -> str:
    """Return what is wrong with a field."""
    facts = found.get("ctx", {})
    if found["type"] == "string_pattern_mismatch":
        return WORDS[facts["pattern"]]
    if found["type"] in MESSAGES:
        return MESSAGES[found["type"]].format(**facts)
    return found["msg"].removeprefix("Value error, ")
