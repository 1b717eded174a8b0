"""Request bodies about keys and tenants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from service.api.schemas.invalid import invalid
from service.api.schemas.request_base import Body, WholeBody
from service.settings.limits import LIMITS
from service.storage.names import NAME
from service.storage.schema import DEFAULT_TENANT
from service.tenants.keys import KEY_NAME, YEARS

MAX_GRACE_S = 30 * 86_400.0
EPOCH = datetime.fromtimestamp(0, UTC)

Scope = Literal["read", "run", "presets", "admin"]


class KeyBody(WholeBody):
    """A new key."""

    example = '{"name": "laptop", "scopes": ["read", "run"]}'

    tenant: str | None = Field(
        None,
        pattern=NAME,
        description="The tenant that it is for; without it the maker's own.",
        examples=[DEFAULT_TENANT],
    )
    name: str = Field(
        pattern=KEY_NAME, description="What people know it by: 1 to 64 printable characters.", examples=["laptop"]
    )
    scopes: list[Scope] = Field(
        min_length=1, max_length=4, description="What it may do; none includes another.", examples=[["read", "run"]]
    )
    expires_at: str | None = Field(
        None,
        max_length=64,
        description=f"When it ends (ISO 8601 with a time zone), within {YEARS} years, and not after the key that "
        "makes it; without it when that one does, or never.",
        examples=["2099-12-31T00:00:00Z"],
    )

    @field_validator("expires_at")
    @classmethod
    def _is_a_time(cls, text: str | None) -> str | None:
        if text is not None:
            timestamp_of(text)
        return text


class RotateBody(WholeBody):
    """How long the former key still counts."""

    example = '{"grace_s": 3600}'

    grace_s: float = Field(
        0.0,
        ge=0,
        le=MAX_GRACE_S,
        description="Seconds for which the former key still counts; less than 4 are 4.",
        examples=[3600.0],
    )


def _limit(name: str, example: float) -> Any:
    limit = LIMITS[name]
    words = f"{limit.doc[0].upper()}{limit.doc[1:]}. Null: the default of all tenants."
    return Field(None, ge=limit.low, le=limit.high, description=words, examples=[example])


class LimitsBody(Body):
    """Limits of a tenant."""

    requests: float | None = _limit("requests", 10.0)
    burst: int | None = _limit("burst", 20)
    waiting_jobs: int | None = _limit("waiting_jobs", 50)
    running_jobs: int | None = _limit("running_jobs", 2)
    daily_cost: float | None = _limit("daily_cost", 5000.0)
    stored_mb: float | None = _limit("stored_mb", 1024.0)
    presets: int | None = _limit("presets", 100)
    streams: int | None = _limit("streams", 10)

    def given(self) -> dict[str, Any]:
        """Return the limits that the request names."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TenantBody(WholeBody):
    """A new tenant."""

    example = '{"name": "acme"}'

    name: str = Field(pattern=NAME, description="Its name, which no other tenant has.", examples=["acme"])
    limits: LimitsBody = Field(
        LimitsBody(),
        description="Its own limits; the others are the defaults.",
        examples=[{"waiting_jobs": 50}],
    )


class TenantChanges(WholeBody):
    """Changes of a tenant."""

    example = '{"limits": {"waiting_jobs": 50}}'

    limits: LimitsBody = Field(
        description="Limits to change; those that aren't named stay.",
        examples=[{"waiting_jobs": 50, "daily_cost": None}],
    )


def timestamp_of(text: str) -> float:
    """Return a time as in 2099-12-31T00:00:00Z in seconds since 1970. Raises PydanticCustomError for other texts."""
    try:
        return (datetime.fromisoformat(text) - EPOCH).total_seconds()
    except (ValueError, OverflowError, TypeError):  # TypeError: it has no time zone
        raise invalid("must be a time with its zone, as in 2099-12-31T00:00:00Z") from None
