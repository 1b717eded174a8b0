"""Response bodies about keys and tenants."""

from __future__ import annotations

from pydantic import BaseModel

from service.api.schemas.described import DATE_TIME, TIME, described
from service.api.schemas.key_requests import Scope
from service.api.schemas.parameters import ID

KEYS_NEXT = "WzE3NjQyMDAwMDAuMCwiMGQyZiJd"


class KeyOut(BaseModel):
    """A key, without the key itself."""

    id: str = described("Its id.", ID)
    tenant: str = described("Whose it is.", "acme")
    name: str = described("What people know it by.", "laptop")
    scopes: list[Scope] = described("What it may do.", ["read", "run"])
    created_at: str = described("When it was made (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    last_used_at: str | None = described("When it was last used, about a minute exact.", TIME, None)
    expires_at: str | None = described("When it ends; null for never.", TIME, None)
    revoked_at: str | None = described("When it was ended, or will be after a rotation; else null.", TIME, None)
    links: dict[str, str] = described("Its path.", {"self": f"/v1/keys/{ID}"})


class MadeKeyOut(KeyOut):
    """A key that was just made."""

    key: str = described("The key. It can't be had again.", "nst_HXi0O9vXqF0d8Bb1cQ2Kr3ZtYwLmNpEsVuAgJhTfD4o")


class KeyPage(BaseModel):
    """Some of the keys, oldest first."""

    items: list[KeyOut] = described("The keys.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", KEYS_NEXT)


class TenantOut(BaseModel):
    """A tenant."""

    name: str = described("Its name.", "acme")
    created_at: str = described("When it was made (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    limits: dict[str, float | None] = described(
        "Its own limits; null where it has the default.", {"waiting_jobs": 50, "daily_cost": None}
    )
    limits_in_force: dict[str, float | None] = described(
        "The limits that count for it; null for no limit.", {"waiting_jobs": 50, "daily_cost": 5000.0}
    )
    used: dict[str, float] | None = described(
        "What it uses of them now, where that is counted in the database; null in lists.",
        {"waiting_jobs": 3, "running_jobs": 1, "daily_cost": 241.7, "stored_mb": 310.2, "presets": 12},
        None,
    )
    links: dict[str, str] = described("Its path.", {"self": "/v1/tenants/acme"})


class TenantPage(BaseModel):
    """Some of the tenants, in the order of their names."""

    items: list[TenantOut] = described("The tenants.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WyJoYXJib3VyIl0")


class RemovedOut(BaseModel):
    """What was removed of a tenant."""

    removed: dict[str, int] = described(
        "How many of each kind; `usage` is the days on which jobs had a cost, `bytes` what counted as stored.",
        {"keys": 2, "jobs": 31, "batches": 2, "grams": 12, "presets": 4, "versions": 9, "painters": 1, "webhooks": 3}
        | {"usage": 30, "bytes": 48_204_113},
    )
    complete: bool = described("Whether that is all.", True)
