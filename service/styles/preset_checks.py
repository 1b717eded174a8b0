"""Checks of presets within the transactions that change them, where no other request can change them any more."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from service.errors import NotFound
from service.storage.preset_schema import PresetRow, PresetState

CheckState = Callable[[PresetState], None]
"""Raises where the caller may not change, replace or remove a preset in this state."""


def check_none(state: PresetState) -> None:
    """Let every state pass."""


def locked_preset(session: Session, tenant: str, name: str, check: CheckState = check_none) -> PresetRow:
    """Lock a tenant's preset and return its row, once `check` has let it pass. Raises NotFound."""
    row = session.get(PresetRow, (tenant, name), with_for_update=True)
    if row is None:
        raise NotFound(f"there is no preset {name!r}")
    check(row)
    return row
