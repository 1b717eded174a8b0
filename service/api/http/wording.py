"""Messages for pydantic's findings, in words for callers: no regular expressions, no types of Python."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from service.api.schemas.patterns import WORDS

OBJECT = "must be an object"
INTEGER = "must be a whole number"
NUMBER = "must be a number"
BOOLEAN = "must be true or false"
MESSAGES = {
    "missing": "is required",
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be at least {bound}",
    "greater_than": "must be above {bound}",
    "less_than_equal": "must be at most {bound}",
    "less_than": "must be below {bound}",
    "int_type": INTEGER,
    "int_from_float": INTEGER,
    "int_parsing": INTEGER,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_unicode": "has half of a character (a lone surrogate)",
    "bool_type": BOOLEAN,
    "bool_parsing": BOOLEAN,
    "literal_error": "must be {expected}",
}
"""Kinds of findings -> what is said instead of pydantic's own message."""


def in_words(found: ErrorDetails) -> str:
    """Return what is wrong with a field."""
    facts = found.get("ctx", {})
    if found["type"] == "string_pattern_mismatch":
        return WORDS[facts["pattern"]]
    if found["type"] in MESSAGES:
        bound = found["msg"].rpartition(" ")[2]  # as pydantic writes it: a float without a .0
        return MESSAGES[found["type"]].format(**facts, bound=bound)
    return found["msg"].removeprefix("Value error, ")
