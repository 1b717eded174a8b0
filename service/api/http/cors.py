"""CORS: access for pages of the origins that NST_CORS_ORIGINS names."""

from __future__ import annotations

from flask import Flask, Response
from flask_cors import CORS

from service.api.http.ratelimit import LEFT, POLICY
from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER
from service.jobs.idempotency import REPLAYED
from service.telemetry.tracing import HEADER as TRACE

READABLE = (
    "Location", "Retry-After", "ETag", "Preference-Applied", "X-Request-ID", "WWW-Authenticate",
    "Content-Disposition", LEFT, POLICY, REPLAYED,
)  # fmt: skip
SENDABLE = (
    "Authorization", "X-API-Key", "Content-Type", "Accept", "Prefer", "If-None-Match", "Last-Event-ID",
    "X-Request-ID", TRACE, IDEMPOTENCY_HEADER,
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PREFLIGHT_S = 3600


def allow(app: Flask, origins: tuple[str, ...]) -> None:
    """Allow pages of these origins to call every path, without cookies: the service uses none.

    If there are none, browsers show pages of other origins nothing, not even whether an <img> of them is there. With
    some, they can: a browser that loads an <img> doesn't name the page's origin.
    """
    if not origins:
        app.after_request(_keep_to_own_pages)
        return
    anyone = "*" in origins
    if not anyone:
        app.after_request(_add_vary)
    CORS(
        app,
        origins="*" if anyone else list(origins),
        send_wildcard=anyone,
        expose_headers=list(READABLE),
        allow_headers=list(SENDABLE),
        methods=list(METHODS),
        max_age=PREFLIGHT_S,
    )


def _keep_to_own_pages(response: Response) -> Response:
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _add_vary(response: Response) -> Response:
    """Add `Vary: Origin`, which flask-cors leaves out where there is one origin.

    Without it a browser could reuse a cached copy that has no CORS headers, and refuse it.
    """
    response.vary.add("Origin")
    return response
