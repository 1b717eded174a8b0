"""The form of the names that callers choose for presets, and operators for tenants."""

from __future__ import annotations

import re

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
NAME_WORDS = "must be 1 to 63 of a-z, 0-9 and -, and not begin with -"


def is_name(text: str) -> bool:
    """Return whether a preset or a tenant can have this name."""
    return re.fullmatch(NAME, text) is not None
