"""Shared presets, which all tenants use: what a caller may do with them."""

from __future__ import annotations

from contextlib import suppress

from service.api.auth import OPERATOR_ONLY, caller
from service.api.context import context
from service.errors import FieldError, MissingScope, NotFound
from service.storage.preset_schema import PresetState


def check_sharing(shared: bool | None) -> None:
    """Raise MissingScope where a preset is to be shared by a caller who may not do that."""
    if shared and not caller().is_operator:
        raise MissingScope(f"shared: {OPERATOR_ONLY}", [FieldError("shared", OPERATOR_ONLY)])


def check_change(name: str) -> None:
    """Raise MissingScope where a preset is shared and the caller may not change what all tenants use.

    Ask it before a long reading. The preset may be shared meanwhile, so pass `check_state` to what changes it, too.
    """
    with suppress(NotFound):
        check_state(context().presets.own(name))


def check_state(state: PresetState) -> None:
    """Raise MissingScope where a state is or was shared and the caller may not change what all tenants use."""
    if state.shared and not may_change_shared():
        raise MissingScope(f"to change, restore or purge what all tenants use, or used, {OPERATOR_ONLY}")


def may_change_shared() -> bool:
    """Return whether the caller may change what all tenants use, or used. Where no key is asked for, anybody may."""
    return caller().is_operator or not context().asks_for_key()
