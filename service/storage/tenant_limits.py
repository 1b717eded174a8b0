"""The limits of a tenant: its own values, as its row holds them, over the defaults of the settings."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from service.config import Settings
from service.settings.limits import LIMITS
from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_schema import TenantRow
from service.storage.typed_json import Json, Record

COUNTED = ("waiting_jobs", "daily_cost", "stored_mb", "presets")


@dataclass(frozen=True)
class TenantLimits(Record):
    """Values of the limits in service.settings.limits; None where there is no limit, or no value of its own."""

    requests: float | None = None
    burst: int | None = None
    waiting_jobs: int | None = None
    running_jobs: int | None = None
    daily_cost: float | None = None
    stored_mb: float | None = None
    presets: int | None = None
    streams: int | None = None

    def over(self, defaults: TenantLimits) -> TenantLimits:
        """Return these values, and the defaults where there are none."""
        return TenantLimits(**vars(defaults) | self.own())

    @property
    def on_what_is_there(self) -> bool:
        """Whether there is a limit on what service.storage.tenant_amounts counts."""
        return any(getattr(self, name) is not None for name in COUNTED)

    def own(self) -> Json:
        """Return the values that there are."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def most_at_once(self) -> int:
        """The requests that may come at once, where their rate is limited: `burst`, or as many as in a second."""
        return self.burst or math.ceil(self.requests or 1.0)


NO_LIMITS = TenantLimits()


def cap_of_caller(tenant: str, of_tenant: float | None, general: float) -> float:
    """Return what one caller of a tenant may have, beside the tenant's limit `of_tenant` on the same thing.

    That is `general`; but a tenant other than the default one is one caller, so its limit counts alone if it has one.
    """
    return general if of_tenant is None or tenant == DEFAULT_TENANT else math.inf


def default_limits(settings: Settings) -> TenantLimits:
    """Return the limits that the settings give all tenants."""
    return TenantLimits(**{field.name: getattr(settings, f"limit_{field.name}") for field in fields(TenantLimits)})


def limits_from(json: object) -> TenantLimits:
    """Return the values of a tenant's row; those that can't be limits are left out."""
    found = json if isinstance(json, dict) else {}
    return TenantLimits(
        **{name: found[name] for name, limit in LIMITS.items() if _is_value(found.get(name), limit.low)}
    )


def _is_value(value: object, low: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value < math.inf


def limits_in_force(session: Session, tenant: str, defaults: TenantLimits) -> TenantLimits:
    """Return the limits that count for a tenant."""
    return limits_from(session.connection().execute(_OWN_LIMITS, {"tenant": tenant}).scalar()).over(defaults)


_OWN_LIMITS = select(TenantRow.limits).where(TenantRow.name == bindparam("tenant"))


def running_limits(session: Session, tenants: Collection[str], defaults: TenantLimits) -> dict[str, int]:
    """Return how many jobs of these tenants may run at once; those without a limit are left out."""
    if not tenants:
        return {}
    rows = session.execute(select(TenantRow.name, TenantRow.limits).where(TenantRow.name.in_(list(tenants))))
    found = dict.fromkeys(tenants, defaults.running_jobs)
    found |= {name: limits_from(limits).over(defaults).running_jobs for name, limits in rows}
    return {name: value for name, value in found.items() if value is not None}
