"""Presets that were replaced or deleted: they can be had back, or removed for good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import requests
from api.test_painters import QUICK, learned
from front_door import RunningService, b64, png

pytestmark = pytest.mark.slow

FIRST, SECOND = (png(np.full((40, 40, 3), grey, np.uint8)) for grey in (60, 200))


def versions(service: RunningService, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = service.get(f"/v1/styles/{name}/versions").json()["items"]
    return items


def restore(service: RunningService, name: str, version: str | None = None) -> requests.Response:
    return service.post_to(f"/v1/styles/{name}/restore", {"version": version} if version else None)


def delete(service: RunningService, name: str, query: str = "") -> int:
    return requests.delete(f"{service.url}/v1/styles/{name}{query}", timeout=60).status_code


def picture(service: RunningService, name: str) -> bytes:
    return service.get(f"/v1/styles/{name}/images/0").content


def folders(service: RunningService) -> set[str]:
    return {path.name for kind in ("styles", "painters") for path in (service.data / "blobs" / kind).glob("*")}


def test_without_keys_a_shared_one_comes_back_shared(service: RunningService) -> None:
    service.put_style("came", FIRST)
    service.execute("UPDATE presets SET shared = 1 WHERE name = 'came'")  # as those that come with the service are
    assert delete(service, "came") == 204
    (former,) = versions(service, "came")
    assert restore(service, "came", former["version"]).json()["shared"] is True
    assert delete(service, "came", "?purge=true") == 204


def test_what_was_replaced_and_deleted_comes_back_with_all_it_had(service: RunningService) -> None:
    service.put_style("lost", FIRST, description="one", options={"strength": 0.3}, painter=QUICK)
    assert learned(service, "lost")["status"] == "ready"
    before = service.get("/v1/styles/lost").json()
    assert versions(service, "lost") == []
    service.put_style("lost", SECOND, description="two")
    assert delete(service, "lost") == 204
    second, first = versions(service, "lost")
    assert [one["reason"] for one in (first, second)] == ["replaced", "deleted"]
    assert [one["description"] for one in (first, second)] == ["one", "two"]
    assert [one["painter"] for one in (first, second)] == [True, False]
    assert first["images"] == 1
    assert first["version"] == before["version"] != second["version"]
    assert first["ended_at"] < second["ended_at"]

    restored = restore(service, "lost", first["version"])
    assert restored.status_code == 200
    assert {k: v for k, v in restored.json().items() if k != "painter"} == {
        k: v for k, v in before.items() if k != "painter"
    }
    assert picture(service, "lost") == FIRST
    painted = {"styles": [{"preset": "lost"}], "size": 64, "method": "painter"}
    job = service.ended(service.post(painted | {"content": b64(FIRST)}, Prefer="wait=60").json()["id"])
    assert job["status"] == "succeeded"

    assert restore(service, "lost", second["version"]).status_code == 200
    assert picture(service, "lost") == SECOND
    assert [one["version"] for one in versions(service, "lost")] == [first["version"]]
    assert restore(service, "lost", second["version"]).status_code == 404  # it is the current one
    assert delete(service, "lost", "?purge=true") == 204


def test_a_purge_leaves_nothing(service: RunningService) -> None:
    there = folders(service)
    service.put_style("secret", FIRST)
    service.put_style("secret", SECOND)
    (former,) = versions(service, "secret")
    assert len(folders(service) - there) == 2
    assert delete(service, "secret", "?purge=true") == 204
    assert folders(service) <= there  # what other tests have left goes meanwhile
    for status in (
        service.get("/v1/styles/secret/versions").status_code,
        restore(service, "secret", former["version"]).status_code,
        delete(service, "secret", "?purge=true"),
    ):
        assert status == 404
    service.put_style("secret", FIRST)
    assert delete(service, "secret") == 204
    assert len(versions(service, "secret")) == 1
    assert delete(service, "secret", "?purge=true") == 204  # what was deleted before too
    assert folders(service) <= there


def test_versions_go_with_a_new_name(service: RunningService) -> None:
    service.put_style("before", FIRST)
    service.put_style("before", SECOND)
    requests.patch(f"{service.url}/v1/styles/before", json={"name": "after"}, timeout=60).raise_for_status()
    assert service.get("/v1/styles/before/versions").status_code == 404
    assert len(versions(service, "after")) == 1
    assert delete(service, "after", "?purge=true") == 204


@pytest.mark.parametrize("query", ["?purge=yes", "?purge=", "?purge=true&purge=true", "?purged=true"])
def test_a_wrong_purge_deletes_nothing(service: RunningService, query: str) -> None:
    service.put_style("stays", FIRST)
    assert delete(service, "stays", query) == 422
    assert service.get("/v1/styles/stays").status_code == 200
    assert delete(service, "stays", "?purge=true") == 204


def test_without_a_version_the_newest_one_comes_back(service: RunningService) -> None:
    for sent in (FIRST, SECOND, FIRST):
        service.put_style("undone", sent)
    assert delete(service, "undone") == 204
    assert restore(service, "undone").status_code == 200
    assert picture(service, "undone") == FIRST
    assert service.post_to("/v1/styles/undone/restore", {}).status_code == 200
    assert picture(service, "undone") == SECOND
    empty = service.post_to("/v1/styles/undone/restore", None, **{"Content-Type": "application/json"})
    assert empty.status_code == 200, empty.text
    assert picture(service, "undone") == FIRST
    assert delete(service, "undone", "?purge=true") == 204


def test_where_no_version_is_kept_there_is_none_to_restore(service: RunningService) -> None:
    service.put_style("stays", FIRST)
    for name in ("stays", "nowhere"):
        refused = restore(service, name)
        assert (refused.status_code, "no former version" in refused.json()["detail"]) == (404, True)
    assert picture(service, "stays") == FIRST
    assert delete(service, "stays", "?purge=true") == 204


@pytest.mark.parametrize("body", [{"version": ""}, {"version": "../x"}, {"version": 7}, {"version": "a", "more": 1}])
def test_a_wrong_version_restores_nothing(service: RunningService, body: Any) -> None:
    service.put_style("stays", FIRST)
    assert service.post_to("/v1/styles/stays/restore", body).status_code == 422
    assert delete(service, "stays", "?purge=true") == 204
