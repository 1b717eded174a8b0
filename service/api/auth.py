"""Who calls: where NST_API_KEYS is set, /v1 answers only to those who know a key."""

from __future__ import annotations

import hashlib
import hmac

from flask import request

from service.api.context import context
from service.api.http.access_log import CALLER
from service.errors import Unauthorized


def require_key() -> None:
    """Checks `Authorization: Bearer <key>` or `X-API-Key: <key>` of this request. Raises Unauthorized."""
    _check_key()
    request.environ[CALLER] = caller()


def _check_key() -> None:
    keys = context().settings.api_keys
    if not keys or request.method == "OPTIONS":  # a browser's preflight can't bring one
        return
    given = _given().encode()
    if not any([hmac.compare_digest(given, key.encode()) for key in keys]):  # noqa: C419 - takes equally long
        raise Unauthorized("give a key of this service as Authorization: Bearer … or X-API-Key: …")


def caller() -> str:
    """Who this request's jobs belong to, in the queue's turns and limits: its API key, else its address."""
    if context().settings.api_keys:
        return f"key:{hashlib.sha256(_given().encode()).hexdigest()[:16]}"
    return f"address:{request.remote_addr}"


def _given() -> str:
    bearer = request.authorization.token if request.authorization else None
    return bearer or request.headers.get("X-API-Key", "")
