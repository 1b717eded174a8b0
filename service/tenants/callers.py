"""The names of callers: by these they take turns in the queue, and have quotas and Idempotency-Keys."""

from __future__ import annotations

from service.storage.schema import DEFAULT_TENANT
from service.storage.tenant_schema import KeyRow


def owner_of(tenant: str) -> str:
    """Return the name of a tenant other than the default one: all of its keys are one caller."""
    return f"tenant:{tenant}"


def caller_with(digest: str) -> str:
    """Return the name of a caller of the default tenant, by the digest of its key, or of the first of its keys."""
    return f"key:{digest[:16]}"


def caller_of(row: KeyRow) -> str:
    """Return the name of the caller that a key in the database stands for."""
    return row.owner or caller_with(row.digest) if row.tenant == DEFAULT_TENANT else owner_of(row.tenant)
