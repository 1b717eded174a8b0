"""The audit log: a record for each change of keys and tenants, with who made it. No record has a key."""

from __future__ import annotations

import logging

from service.api.auth import caller

logger = logging.getLogger(__name__)


def audit(change: str, tenant: str, key_id: str | None = None) -> None:
    """Log a change that the caller of this request made: of a key, or of the tenant itself."""
    by = caller()
    who = f"key {by.key_id}" if by.key_id else by.owner
    what = f"key {key_id} of the tenant {tenant}" if key_id else f"tenant {tenant}"
    facts = {"change": change, "of_tenant": tenant, "of_key": key_id, "by": who, "by_tenant": by.tenant}
    logger.info("%s: %s by %s of the tenant %s", what, change, who, by.tenant, extra=facts)
