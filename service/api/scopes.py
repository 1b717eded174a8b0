"""The scopes that a key needs for each route."""

from __future__ import annotations

from flask import Flask

from service.api.http.paths import is_api
from service.tenants.scopes import ADMIN, PRESETS, READ, RUN

SCOPES: dict[str, str | tuple[str, str]] = {
    "GET /v1/styles": READ,
    "GET /v1/styles/<name>": READ,
    "PUT /v1/styles/<name>": PRESETS,
    "PATCH /v1/styles/<name>": PRESETS,
    "DELETE /v1/styles/<name>": PRESETS,
    "GET /v1/styles/<name>/versions": READ,
    "POST /v1/styles/<name>/restore": PRESETS,
    "GET /v1/styles/<name>/image": READ,
    "GET /v1/styles/<name>/painted": READ,
    "GET /v1/styles/<name>/images/<index>": READ,
    "GET /v1/styles/<name>/pack": READ,
    "PUT /v1/styles/<name>/pack": PRESETS,
    "GET /v1/styles/<name>/painter": READ,
    "PUT /v1/styles/<name>/painter": PRESETS,
    "DELETE /v1/styles/<name>/painter": PRESETS,
    "GET /v1/styles/<name>/painter/events": READ,
    "GET /v1/styles/<name>/painter/model": READ,
    "GET /v1/styles/<name>/painter/preview": READ,
    "GET /v1/transfers": READ,
    "POST /v1/transfers": RUN,
    "GET /v1/transfers/<id>": READ,
    "DELETE /v1/transfers/<id>": RUN,
    "POST /v1/transfers/<id>/cancel": RUN,
    "POST /v1/transfers/<id>/callback": RUN,
    "GET /v1/transfers/<id>/image": READ,
    "GET /v1/transfers/<id>/sheet": READ,
    "GET /v1/transfers/<id>/content": READ,
    "GET /v1/transfers/<id>/styles/<index>": READ,
    "GET /v1/transfers/<id>/files": READ,
    "GET /v1/transfers/<id>/files/<sha256>": READ,
    "GET /v1/transfers/<id>/preview": READ,
    "GET /v1/transfers/<id>/events": READ,
    "GET /v1/batches": READ,
    "POST /v1/batches": RUN,
    "GET /v1/batches/<id>": READ,
    "DELETE /v1/batches/<id>": RUN,
    "POST /v1/batches/<id>/cancel": RUN,
    "GET /v1/batches/<id>/items": READ,
    "GET /v1/batches/<id>/zip": READ,
    "GET /v1/batches/<id>/events": READ,
    "POST /v1/scores": RUN,
    "GET /v1/scores/<id>": READ,
    "DELETE /v1/scores/<id>": RUN,
    "POST /v1/estimates": RUN,
    "GET /v1/usage": (READ, ADMIN),
    "GET /v1/keys": ADMIN,
    "POST /v1/keys": ADMIN,
    "GET /v1/keys/<id>": ADMIN,
    "DELETE /v1/keys/<id>": ADMIN,
    "POST /v1/keys/<id>/rotate": ADMIN,
    "GET /v1/tenants": ADMIN,
    "POST /v1/tenants": ADMIN,
    "GET /v1/tenants/<name>": ADMIN,
    "PATCH /v1/tenants/<name>": ADMIN,
    "DELETE /v1/tenants/<name>": ADMIN,
}
"""Method and rule -> scope, or those of which one suffices."""


def scopes_of(method: str, rule: str) -> tuple[str, ...]:
    """Return the scopes of which a route takes one; ADMIN for one that isn't in the table. HEAD counts as GET."""
    found = SCOPES.get(f"{'GET' if method == 'HEAD' else method} {rule}", ADMIN)
    return (found,) if isinstance(found, str) else found


def check_routes(app: Flask) -> None:
    """Raise LookupError unless the table has each route under /v1, and no others."""
    there = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if is_api(rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    if differing := there ^ SCOPES.keys():
        raise LookupError(f"service/api/scopes.py and the routes differ in {', '.join(sorted(differing))}")
