"""An admin key that was revoked a moment ago: web processes know it still, but it changes no keys and no tenants."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from front_door import RunningService
from tenants.people import Person

from service.api.scopes import SCOPES
from service.tenants.scopes import ADMIN

CHANGES: dict[str, tuple[str, Any]] = {
    "POST /v1/keys": ("/v1/keys", {"name": "successor", "scopes": ["admin"]}),
    "DELETE /v1/keys/<id>": ("/v1/keys/{key}", None),
    "POST /v1/keys/<id>/rotate": ("/v1/keys/{key}/rotate", {}),
    "POST /v1/tenants": ("/v1/tenants", {"name": "larch"}),
    "PATCH /v1/tenants/<name>": ("/v1/tenants/elm", {"limits": {"presets": 1}}),
    "DELETE /v1/tenants/<name>": ("/v1/tenants/elm", None),
}
"""Route -> path and body."""


def revoke_unnoticed(service: RunningService, id: str) -> None:
    """Revoke a key without the mark by which web processes see that they have to read the keys again."""
    with closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database, database:
        database.execute("UPDATE api_keys SET revoked_at = 1 WHERE id = ?", (id,))


def what_there_is(service: RunningService) -> list[tuple[Any, ...]]:
    """Return all keys with their ends, and all tenants with their limits."""
    with closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database:
        keys = database.execute("SELECT id, revoked_at FROM api_keys ORDER BY id").fetchall()
        return keys + database.execute("SELECT name, removed_at, limits FROM tenants ORDER BY name").fetchall()


@pytest.mark.slow
def test_a_revoked_key_that_is_still_known_changes_neither_keys_nor_tenants(
    house: RunningService, root: Person
) -> None:
    assert CHANGES.keys() == {route for route, scope in SCOPES.items() if scope == ADMIN and route[:4] != "GET "}
    assert root.post("/v1/tenants", {"name": "elm"}).status_code == 201
    other, thief = root.with_key(["read"], tenant="elm"), root.with_key(["admin"])
    for _ in range(20):  # so that each web process has read it
        thief.get("/v1/keys")
    revoke_unnoticed(house, thief.id)
    before = what_there_is(house)
    for route, (path, body) in CHANGES.items():
        answer = thief.ask(route.partition(" ")[0], path.format(key=other.id), body)
        assert answer.status_code == 401, route
        assert answer.json()["detail"] == "this key has ended", "a process doesn't know it"
    assert [thief.get("/v1/keys").status_code for _ in range(4)] == [200] * 4  # it is known still
    assert what_there_is(house) == before
