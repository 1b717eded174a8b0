"""Presets of several tenants: own ones hide shared ones, and only an admin of the default tenant shares."""

from __future__ import annotations

import pytest
from front_door import b64, eventually
from tenants.people import SAMPLE, Person

pytestmark = pytest.mark.slow


def names(person: Person) -> list[str]:
    return [entry["name"] for entry in person.get("/v1/styles?limit=200").json()["items"]]


@pytest.fixture(scope="module")
def shared(root: Person, photo_png: bytes, texture_png: bytes) -> str:
    """The name of a preset that all tenants can use, with a painter and a sample of the default tenant."""
    assert root.save("lent", texture_png, shared=True, warm=[64], description="Lent").json()["shared"]
    root.paint(photo_png, "lent", **SAMPLE)
    body = {"size": 64, "minutes": 0.01, "photos": [b64(photo_png)]}
    assert root.ask("PUT", "/v1/styles/lent/painter", body).status_code == 202
    eventually(lambda: root.get("/v1/styles/lent").json()["painter"] == "ready", 180, "it doesn't learn")
    return "lent"


def test_a_shared_preset_is_used_by_all_and_changed_by_its_owner_alone(
    acme: Person, shared: str, photo_png: bytes
) -> None:
    assert shared in names(acme)
    assert acme.get(f"/v1/styles/{shared}").json()["description"] == "Lent"
    acme.paint(photo_png, shared)
    painted = acme.paint(photo_png, shared, method="painter", iterations=0)
    assert painted["options"]["method"] == "painter"
    for part in ("image", "images/0", "pack", "painter", "painter/model"):
        assert acme.get(f"/v1/styles/{shared}/{part}").status_code == 200, part
    for method, path, body in (
        ("PATCH", "", {"description": "taken"}),
        ("PATCH", "", {"name": "taken"}),
        ("PUT", "/painter", {"size": 64, "minutes": 0.01}),
        ("DELETE", "/painter", None),
        ("DELETE", "", None),
    ):
        assert acme.ask(method, f"/v1/styles/{shared}{path}", body).status_code == 404, (method, path)
    assert acme.get(f"/v1/styles/{shared}").json()["description"] == "Lent"


def test_a_shared_preset_shows_nobody_s_photographs(
    root: Person, acme: Person, shared: str, photo_png: bytes
) -> None:
    """Neither the owner's sample and the pictures of its learning nor another tenant's transfer."""
    assert root.get(f"/v1/styles/{shared}/painted").status_code == 200
    sample = root.get(f"/v1/styles/{shared}/painted").headers["ETag"]
    acme.paint(photo_png, shared, **SAMPLE)
    assert root.get(f"/v1/styles/{shared}/painted").headers["ETag"] == sample
    assert acme.get(f"/v1/styles/{shared}/painted").status_code == 404
    assert "painted" not in acme.get(f"/v1/styles/{shared}").json()["links"]
    for part in ("preview", "events"):
        assert root.get(f"/v1/styles/{shared}/painter/{part}").status_code == 200
        assert acme.get(f"/v1/styles/{shared}/painter/{part}").status_code == 409


def test_an_own_preset_hides_a_shared_one_until_it_is_deleted(
    root: Person, acme: Person, birch: Person, shared: str, photo_png: bytes
) -> None:
    assert acme.save(shared, photo_png, description="Own").status_code == 201
    assert names(acme).count(shared) == 1
    assert acme.get(f"/v1/styles/{shared}").json()["description"] == "Own"
    for other in (root, birch):
        assert other.get(f"/v1/styles/{shared}").json()["description"] == "Lent"
    assert root.get(f"/v1/styles/{shared}").json()["painter"] == "ready"
    assert acme.delete(f"/v1/styles/{shared}").status_code == 204
    assert acme.get(f"/v1/styles/{shared}").json()["description"] == "Lent"
    assert acme.save("own", photo_png).ok
    assert acme.ask("PATCH", "/v1/styles/own", {"name": shared}).status_code == 200
    assert acme.delete(f"/v1/styles/{shared}").status_code == 204
    assert acme.delete(f"/v1/styles/{shared}").status_code == 404


def test_only_an_admin_of_the_default_tenant_shares(
    root: Person, acme: Person, birch: Person, texture_png: bytes
) -> None:
    plain = root.with_key(["read", "run", "presets"])
    for person in (acme, plain):
        assert person.save("private", texture_png).status_code == 201
        for response in (
            person.save("private", texture_png, shared=True),
            person.ask("PATCH", "/v1/styles/private", {"shared": True}),
        ):
            assert response.status_code == 403
            assert [error["loc"] for error in response.json()["errors"]] == ["shared"]
    assert "private" not in names(birch)
    assert root.ask("PATCH", "/v1/styles/private", {"shared": True}).json()["shared"]
    assert "private" in names(birch)
    assert not root.ask("PATCH", "/v1/styles/private", {"shared": False}).json()["shared"]
    assert "private" not in names(birch)
    assert birch.get("/v1/styles/private").status_code == 404


def test_a_key_without_admin_changes_no_shared_preset_and_takes_no_state_of_one(
    root: Person, photo_png: bytes, texture_png: bytes
) -> None:
    plain = root.with_key(["read", "run", "presets"])
    assert root.save("held", texture_png, shared=True).status_code == 201
    for method, path, body in (
        ("PUT", "", {"images": [{"image": b64(photo_png)}]}),
        ("PUT", "/pack", None),
        ("PATCH", "", {"name": "taken"}),
        ("PUT", "/painter", {"size": 64, "minutes": 0.01}),
        ("DELETE", "/painter", None),
        ("POST", "/restore", None),
        ("DELETE", "", None),
        ("DELETE", "?purge=true", None),
    ):
        refused = plain.ask(method, f"/v1/styles/held{path}", body)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:nst:problem:missing-scope"), (method, path)

    assert root.delete("/v1/styles/held").status_code == 204
    assert [plain.save("held", photo_png).status_code for _ in range(2)] == [201, 200]
    assert plain.ask("PATCH", "/v1/styles/held", {"name": "moved"}).status_code == 200
    own = plain.get("/v1/styles/moved/versions").json()["items"]
    assert [state["reason"] for state in own] == ["replaced"]
    assert root.post("/v1/styles/held/restore").json()["shared"]
    assert root.save("held", texture_png, shared=True).status_code == 200
    assert root.ask("PATCH", "/v1/styles/held", {"name": "moved-too"}).status_code == 200
    assert len(root.get("/v1/styles/moved-too/versions").json()["items"]) == 1
    for name in ("moved", "moved-too"):
        assert root.delete(f"/v1/styles/{name}?purge=true").status_code == 204


def test_former_states_are_their_tenant_s_and_shared_again_by_those_who_may(
    root: Person, acme: Person, photo_png: bytes, texture_png: bytes
) -> None:
    plain = root.with_key(["read", "run", "presets"])
    assert root.save("again", texture_png, shared=True).status_code == 201
    assert acme.get("/v1/styles/again").status_code == 200
    assert acme.get("/v1/styles/again/versions").status_code == 404
    assert root.save("again", photo_png).status_code == 200
    (former,) = root.get("/v1/styles/again/versions").json()["items"]
    wanted = {"version": former["version"]}
    assert acme.save("again", photo_png).status_code == 201
    assert acme.get("/v1/styles/again/versions").json() == {"items": []}
    assert acme.post("/v1/styles/again/restore", wanted).status_code == 404
    assert acme.delete("/v1/styles/again?purge=true").status_code == 204
    assert acme.get("/v1/styles/again/versions").status_code == 404

    assert root.post("/v1/styles/again/restore", wanted).json()["shared"]
    assert "again" in names(acme)
    assert root.save("again", photo_png).status_code == 200
    for current in (True, False):
        refused = (plain.post("/v1/styles/again/restore", wanted), plain.delete("/v1/styles/again?purge=true"))
        assert [response.json()["type"] for response in refused] == 2 * ["urn:nst:problem:missing-scope"]
        assert plain.delete("/v1/styles/again").status_code == (204 if current else 404)
    assert root.post("/v1/styles/again/restore", wanted).json()["shared"]
    assert root.delete("/v1/styles/again?purge=true").status_code == 204
