"""Pages of other origins, where NST_CORS_ORIGINS names them."""

from __future__ import annotations

from flask import Flask, Response
from flask_cors import CORS

from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER

READABLE = ("Location", "Retry-After", "ETag", "Preference-Applied", "X-Request-ID", "WWW-Authenticate")
SENDABLE = (
    "Authorization", "X-API-Key", "Content-Type", "Accept", "Prefer", "If-None-Match", "Last-Event-ID",
    "X-Request-ID", IDEMPOTENCY_HEADER,
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
PREFLIGHT_S = 3600


def allow(app: Flask, origins: tuple[str, ...]) -> None:
    """Lets pages of these origins call every path; no cookies, for the service has none."""
    if not origins:
        return
    anyone = "*" in origins
    if not anyone:
        app.after_request(_varies)
    CORS(
        app,
        origins="*" if anyone else list(origins),
        send_wildcard=anyone,
        expose_headers=list(READABLE),
        allow_headers=list(SENDABLE),
        methods=list(METHODS),
        max_age=PREFLIGHT_S,
    )


def _varies(response: Response) -> Response:
    """flask-cors leaves this out where there is one origin; a copy kept without its headers would then be refused."""
    response.vary.add("Origin")
    return response
