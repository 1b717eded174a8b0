"""The audit log: who changed which key or tenant, and never the key itself."""

from __future__ import annotations

import pytest
from front_door import RunningService, eventually
from operators.scraping import logged
from tenants.people import Person


@pytest.mark.slow
def test_each_change_of_keys_and_tenants_is_a_record(house: RunningService, root: Person, acme: Person) -> None:
    assert root.post("/v1/tenants", {"name": "dale"}).status_code == 201
    made = root.post("/v1/keys", {"tenant": "dale", "name": "one", "scopes": ["run", "read"]}).json()
    rotated = root.post(f"/v1/keys/{made['id']}/rotate", {}).json()
    assert root.delete(f"/v1/keys/{rotated['id']}").status_code == 204
    assert root.ask("PATCH", "/v1/tenants/dale", {"limits": {"presets": 3}}).status_code == 200
    assert acme.delete(f"/v1/keys/{rotated['id']}").status_code == 404  # what was refused is no change
    assert acme.delete("/v1/tenants/dale").status_code == 404
    assert root.delete("/v1/tenants/dale").status_code == 200
    eventually(lambda: len(records(house)) >= 6, 10, "changes are missing")
    assert records(house) == [
        ("made", None),
        ("made with the scopes read run", made["id"]),
        (f"made in place of {made['id']}", rotated["id"]),
        ("revoked", rotated["id"]),
        ('limits changed: {"presets": 3}', None),
        ("removed", None),
    ]
    lines = [line for line in logged(house) if line.get("of_tenant") == "dale"]
    assert {(line["by"], line["by_tenant"]) for line in lines} == {(f"key {root.id}", "default")}
    text = house.log.read_text()
    assert not any(key in text for key in (made["key"], rotated["key"], root.key))


def records(house: RunningService) -> list[tuple[str, str | None]]:
    """Return the changes of the tenant dale, and the keys that they changed."""
    lines = [line for line in logged(house) if line.get("of_tenant") == "dale"]
    return [(line["change"], line["of_key"]) for line in lines]
