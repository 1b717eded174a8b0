"""Checks of presets within the transactions that change them, where no other request can change them any more."""

from __future__ import annotations

from collections.abc import Callable

from service.storage.preset_schema import PresetState

CheckState = Callable[[PresetState], None]
"""Raises where the caller may not change, replace or remove a preset in this state."""


def check_none(state: PresetState) -> None:
    """Let every state pass."""
