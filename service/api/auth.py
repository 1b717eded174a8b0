"""Who calls: where NST_API_KEYS is set, /v1 answers only to those who know a key."""

from __future__ import annotations

import hashlib
import hmac

from flask import request

from service.api.observing import CALLER
from service.api.parts import parts
from service.errors import Forbidden, Unauthorized

SAFE = ("GET", "HEAD", "OPTIONS")  # methods that change nothing


def require_key() -> None:
    """Checks `Authorization: Bearer <key>` or `X-API-Key: <key>` of this request. Raises Unauthorized, Forbidden."""
    _check_key()
    _check_site()
    request.environ[CALLER] = caller()


def _check_key() -> None:
    keys = parts().settings.api_keys
    if not keys or request.method == "OPTIONS":  # a browser's preflight can't bring one
        return
    given = _given().encode()
    if not any([hmac.compare_digest(given, key.encode()) for key in keys]):  # noqa: C419 - takes equally long
        raise Unauthorized("give a key of this service as Authorization: Bearer … or X-API-Key: …")


def _check_site() -> None:
    """Where no key is asked for, a page of any other site could have its visitors' browsers post jobs here."""
    settings = parts().settings
    if settings.api_keys or request.method in SAFE or request.headers.get("Sec-Fetch-Site") != "cross-site":
        return
    if not {"*", request.headers.get("Origin", "")} & set(settings.cors_origins):
        raise Forbidden("pages of other sites may not do this: NST_CORS_ORIGINS doesn't name this one")


def caller() -> str:
    """Who this request's jobs belong to, in the queue's turns and limits: its API key, else its address."""
    if parts().settings.api_keys:
        return f"key:{hashlib.sha256(_given().encode()).hexdigest()[:16]}"
    return f"address:{request.remote_addr}"


def _given() -> str:
    bearer = request.authorization.token if request.authorization else None
    return bearer or request.headers.get("X-API-Key", "")
