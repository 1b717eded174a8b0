"""Whose costs a caller sees: those of its tenant, and an operator those of all."""

from __future__ import annotations

import pytest
from tenants.people import Person

pytestmark = pytest.mark.slow


def test_a_tenant_sees_its_own_costs_and_an_operator_all(
    root: Person, acme: Person, birch: Person, photo_png: bytes, texture_png: bytes
) -> None:
    for person in (acme, birch):
        person.save("used", texture_png)
        person.paint(photo_png, "used")
    reports = {person: person.get("/v1/usage").json() for person in (acme, birch, root)}
    shown = {person: report["items"] for person, report in reports.items()}
    assert [entry["tenant"] for entry in shown[acme]] == ["acme"]
    assert [entry["tenant"] for entry in shown[birch]] == ["birch"]
    assert {"acme", "birch"} <= {entry["tenant"] for entry in shown[root]}
    (own,) = shown[birch]
    assert own["jobs"] >= 1
    assert own["megapixel_evaluations"] > 0
    for person, items in shown.items():
        assert reports[person]["jobs"] == sum(entry["jobs"] for entry in items)
