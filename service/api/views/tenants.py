"""/v1/tenants: whose presets, jobs and keys there are."""

from __future__ import annotations

import json
from typing import Any

from flask import url_for
from flask_openapi3 import Tag

from service.api.audit import audit
from service.api.auth import OPERATOR_ONLY, caller
from service.api.context import context
from service.api.description.operations import Operations
from service.api.http.paging import from_cursor, page_of
from service.api.schemas.key_requests import TenantBody, TenantChanges
from service.api.schemas.key_responses import RemovedOut, TenantOut, TenantPage
from service.api.schemas.parameters import PageQuery, TenantPath
from service.api.schemas.resources import tenant_resource
from service.api.schemas.responses import Problem
from service.errors import MissingScope, NotFound
from service.storage.tenant_limits import TenantLimits, default_limits
from service.storage.tenant_schema import TenantRow
from service.tenants.removal import remove_tenant
from service.tenants.tenants import Tenants

REMOVE_S = 20.0  # seconds that a request removes; the next one goes on

blueprint = Operations(
    "tenants",
    __name__,
    url_prefix="/v1/tenants",
    abp_tags=[Tag(name="tenants", description="Tenants, which don't see each other's things.")],
    abp_responses={"403": Problem, "422": Problem},
)

NEW: dict[Any, Any] = {"201": TenantOut, "400": Problem, "409": Problem}
REMOVED: dict[Any, Any] = {"200": RemovedOut, "202": RemovedOut, "404": Problem}


@blueprint.post("", responses=NEW)
def create_tenant(body: TenantBody) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Make a tenant

    It has no keys yet. 409 if there is one of that name, or one was removed in the last 90 seconds.
    """
    _check_operator()
    row = _tenants().add(body.name, TenantLimits(**body.limits.given()))
    audit("made", row.name)
    return _resource(row), 201, {"Location": url_for("tenants.get_tenant", name=row.name)}


@blueprint.get("", responses={"200": TenantPage})
def list_tenants(query: PageQuery) -> dict[str, Any]:
    """List tenants, in the order of their names

    A key of another tenant than the default one lists its own alone.
    """
    if not caller().is_operator:
        return {"items": [_resource(_tenants().get(caller().tenant))], "next": None}
    (after,) = from_cursor(query.cursor, str) if query.cursor else ("",)
    found = _tenants().page(after, query.limit + 1)
    rows, cursor = page_of(found, query.limit, lambda row: (row.name,))
    return {"items": [_resource(row) for row in rows], "next": cursor}


@blueprint.get("/<name>", responses={"200": TenantOut, "404": Problem})
def get_tenant(path: TenantPath) -> dict[str, Any]:
    """Show a tenant

    With its limits, and what it uses of them now.
    """
    _check_visible(path.name)
    return _resource(_tenants().get(path.name), _tenants().used(path.name))


@blueprint.patch("/<name>", responses={"200": TenantOut, "400": Problem, "404": Problem})
def change_tenant(path: TenantPath, body: TenantChanges) -> dict[str, Any]:
    """Change the limits of a tenant

    They count within five seconds.
    """
    _check_visible(path.name)
    _check_operator()
    row = _tenants().set_limits(path.name, body.limits.given())
    audit(f"limits changed: {json.dumps(body.limits.given())}", row.name)
    return _resource(row, _tenants().used(path.name))


@blueprint.delete("/<name>", responses=REMOVED)
def delete_tenant(path: TenantPath) -> tuple[dict[str, Any], int]:
    """Remove a tenant with all that is its own

    Its keys end, its jobs are canceled, and its rows and files are removed. `removed` counts them. 202 if more is
    left after 20 seconds: the same request goes on, and so does the service by itself within an hour.
    """
    _check_visible(path.name)
    _check_operator()
    found = remove_tenant(context().database, context().blobs, path.name, REMOVE_S, caller().maker())
    audit("removed", path.name)
    return {"removed": found.counts, "complete": found.complete}, 200 if found.complete else 202


def _tenants() -> Tenants:
    return Tenants(context().database, caller().maker())


def _defaults() -> TenantLimits:
    return default_limits(context().settings)


def _resource(row: TenantRow, used: dict[str, float] | None = None) -> dict[str, Any]:
    return tenant_resource(row, _defaults(), used)


def _check_visible(name: str) -> None:
    """Raise NotFound for a tenant that the caller doesn't see."""
    if not caller().is_operator and name != caller().tenant:
        raise NotFound(f"there is no tenant {name!r}")


def _check_operator() -> None:
    if not caller().is_operator:
        raise MissingScope(f"this {OPERATOR_ONLY}")
