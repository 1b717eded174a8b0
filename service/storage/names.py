"""The form of the names that callers choose for presets, and operators for tenants."""

from __future__ import annotations

import re

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


def is_name(text: str) -> bool:
    """Return whether a preset or a tenant can have this name."""
    return re.fullmatch(NAME, text) is not None
