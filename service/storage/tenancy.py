"""The tenant of a row: the check before a row is added, and the presets that a tenant can read."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from service.errors import Unauthorized
from service.storage.preset_schema import PresetRow
from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_limits import TenantLimits, limits_from
from service.storage.tenant_schema import TenantRow

_TENANT = select(TenantRow.created_at, TenantRow.removed_at, TenantRow.limits).where(
    TenantRow.name == bindparam("name")
)


def check_tenant(session: Session, name: str, since: float | None = None) -> TenantLimits:
    """Raise Unauthorized where a tenant is being removed, or is gone, so that nothing new is added to it.

    Return the limits that it has of its own. `since` is when the tenant was made, as its key knew it: one that was
    made later is another one of that name. The transaction must hold a lock that the removal takes first: `submit` of
    jobs, or `presets`.
    """
    row = session.connection().execute(_TENANT, {"name": name}).one_or_none()
    is_there = row and row.removed_at is None and since in (None, row.created_at)
    if name != DEFAULT_TENANT and not is_there:
        raise Unauthorized("the tenant of this key was removed")
    return limits_from(row and row.limits)


def can_read(tenant: str) -> ColumnElement[bool]:
    """Return the condition that a tenant finds a preset under its name: its own, else a shared one."""
    own = PresetRow.tenant == tenant
    if tenant == DEFAULT_TENANT:
        return own
    mine = aliased(PresetRow)
    hidden = select(mine.name).where(mine.tenant == tenant, mine.name == PresetRow.name).exists()
    return or_(own, and_(PresetRow.tenant == DEFAULT_TENANT, PresetRow.shared, ~hidden))
