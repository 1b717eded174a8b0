"""/v1/keys: the API keys of a tenant, or of all for an admin of the default one."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_openapi3 import Tag

from service.api.audit import audit
from service.api.auth import caller
from service.api.context import context
from service.api.description.operations import Operations
from service.api.http.paging import from_cursor, page_of
from service.api.schemas.key_requests import KeyBody, RotateBody, timestamp_of
from service.api.schemas.key_responses import KeyOut, KeyPage, MadeKeyOut
from service.api.schemas.parameters import KeyPath, KeysQuery
from service.api.schemas.resources import key_resource
from service.api.schemas.responses import Problem
from service.tenants.keys import Keys, NewKey
from service.tenants.scopes import check

blueprint = Operations(
    "keys",
    __name__,
    url_prefix="/v1/keys",
    abp_tags=[Tag(name="keys", description="API keys.")],
    abp_responses={"403": Problem, "422": Problem},
)

NEW: dict[Any, Any] = {"201": MadeKeyOut, "400": Problem}

New = tuple[dict[str, Any], int, dict[str, str]]


@blueprint.post("", responses=NEW)
def create_key(body: KeyBody) -> New:
    """Make a key

    The answer has the key, this once. A key gives only scopes that it has itself.
    """
    ends = None if body.expires_at is None else timestamp_of(body.expires_at)
    tenant = body.tenant or caller().tenant
    new = _keys().add(tenant, body.name, check(body.scopes), expires_at=ends)
    audit(f"made with the scopes {new.row.scopes}", tenant, new.row.id)
    return _new(new)


@blueprint.get("", responses={"200": KeyPage})
def list_keys(query: KeysQuery) -> dict[str, Any]:
    """List keys, oldest first

    Also those that have ended, for 30 days.
    """
    after = from_cursor(query.cursor, float, str) if query.cursor else (0.0, "")
    found = _keys().page(query.tenant, after, query.limit + 1)
    rows, cursor = page_of(found, query.limit, lambda row: (row.created_at, row.id))
    return {"items": [key_resource(row) for row in rows], "next": cursor}


@blueprint.get("/<id>", responses={"200": KeyOut, "404": Problem})
def get_key(path: KeyPath) -> dict[str, Any]:
    """Show a key, without the key itself"""
    return key_resource(_keys().get(path.id))


@blueprint.delete("/<id>", responses={"204": None, "404": Problem})
def revoke_key(path: KeyPath) -> tuple[str, int]:
    """End a key

    Within five seconds no web process accepts it. It is no error if it has ended.
    """
    row = _keys().revoke(path.id)
    audit("revoked", row.tenant, row.id)
    return "", 204


@blueprint.post("/<id>/rotate", responses=NEW | {"404": Problem})
def rotate_key(path: KeyPath, body: RotateBody) -> New:
    """Replace a key

    The new key has its name, scopes and end. Both count for `grace_s`, and at least for the 4 seconds within which
    every web process knows the new one. A key that has leaked is better ended at once, by DELETE.
    """
    new = _keys().rotate(path.id, body.grace_s)
    audit(f"made in place of {path.id}", new.row.tenant, new.row.id)
    return _new(new)


def _keys() -> Keys:
    return Keys(context().database, caller().maker())


def _new(key: NewKey) -> New:
    location = {"Location": url_for("keys.get_key", id=key.row.id), "Cache-Control": "no-store"}
    return key_resource(key.row) | {"key": key.text}, 201, location
