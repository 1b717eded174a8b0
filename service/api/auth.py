"""API keys: where NST_API_KEYS is set, /v1 answers only to those who know one."""

from __future__ import annotations

import hmac

from flask import request

from service.api.parts import parts
from service.errors import Unauthorized


def require_key() -> None:
    """Checks `Authorization: Bearer <key>` or `X-API-Key: <key>` of this request. Raises Unauthorized."""
    keys = parts().settings.api_keys
    if not keys:
        return
    bearer = request.authorization.token if request.authorization else None
    given = (bearer or request.headers.get("X-API-Key", "")).encode()
    if not any([hmac.compare_digest(given, key.encode()) for key in keys]):  # noqa: C419 - takes equally long
        raise Unauthorized("give a key of this service as Authorization: Bearer … or X-API-Key: …")
