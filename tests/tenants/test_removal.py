"""The removal of a tenant: all of its rows and files go, those of others stay, and its name can be used again."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from front_door import RunningService, b64, eventually, within
from tenants.people import COUNTS_S, Person, command

from service.tenants.removal import KINDS

pytestmark = pytest.mark.slow

TABLES = ("jobs", "batches", "presets", "preset_versions", "api_keys", "deliveries", "usage", "style_uses")


def rows(service: RunningService, tenant: str) -> dict[str, int]:
    with closing(sqlite3.connect(service.data / "service.db")) as database:
        counts = {
            table: database.execute(f"SELECT count(*) FROM {table} WHERE tenant = ?", (tenant,)).fetchone()[0]  # noqa: S608
            for table in TABLES
        }
        for table in ("turns", "idempotency_keys"):
            query = f"SELECT count(*) FROM {table} WHERE owner = ?"  # noqa: S608
            counts[table] = database.execute(query, (f"tenant:{tenant}",)).fetchone()[0]
    return counts


def execute(service: RunningService, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(service.data / "service.db", timeout=30)) as database, database:
        database.execute(statement, values)


def files(service: RunningService) -> set[Path]:
    folder = service.data / "blobs"
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


def make_doomed(root: Person, name: str) -> Person:
    assert root.post("/v1/tenants", {"name": name}).status_code == 201
    return root.with_key(["read", "run", "presets"], tenant=name)


def test_a_removed_tenant_leaves_nothing_and_takes_nothing_of_others(
    house: RunningService, root: Person, birch: Person, photo_png: bytes, texture_png: bytes
) -> None:
    birch.save("both", texture_png)
    kept = birch.paint(photo_png, "both")
    before = files(house)
    doomed = make_doomed(root, "doomed")
    doomed.save("both", photo_png)
    doomed.save("both", texture_png)
    doomed.save("only", photo_png + b"own bytes", painter={"size": 64, "minutes": 0.01})
    eventually(lambda: doomed.get("/v1/styles/only").json()["painter"] == "ready", 180, "it doesn't learn")
    for preset in ("both", "only"):
        doomed.paint(photo_png, preset)
    once = doomed.paint(photo_png, "", styles=[{"image": b64(texture_png + b"for once")}])["links"]["self"]
    assert doomed.delete(once).status_code == 204  # whose Grams stay for as long as the tenant
    body = {"content": b64(photo_png), "styles": [{"preset": "only"}], "size": 300, "iterations": 2000}
    running = doomed.post("/v1/transfers", body | {"tolerance": 0.0}, **{"Idempotency-Key": "a"}).json()["id"]
    begun = f"/v1/transfers/{running}"
    eventually(lambda: doomed.get(begun).json()["progress"]["iteration"], 30, "it doesn't begin")
    recipe = {"styles": [{"preset": "only"}], "size": 64, "iterations": 2}
    assert doomed.post("/v1/batches", recipe | {"contents": [b64(photo_png)]}).status_code == 202
    execute(house, "INSERT INTO deliveries (id, tenant, job_id, url, payload, created_at, attempts, due_at) "
            "VALUES ('msg_1', 'doomed', 'gone', 'https://example.com', '{}', 1, 0, 9e9)")  # fmt: skip
    assert all(rows(house, "doomed").values())

    answer = root.delete("/v1/tenants/doomed")
    assert answer.status_code == 200, answer.text
    removed = answer.json()["removed"]
    assert answer.json()["complete"]
    assert (removed["keys"], removed["presets"], removed["painters"], removed["webhooks"]) == (1, 2, 1, 1)
    assert (removed["versions"], removed["batches"], removed["usage"]) == (1, 1, 1)
    assert removed["jobs"] >= 4  # two transfers, one under way, a learning
    assert removed["grams"] >= 1
    assert removed["bytes"] >= 7 * len(photo_png)  # contents of six jobs, and a preset
    assert not any(rows(house, "doomed").values())
    within(lambda: doomed.get("/v1/styles").status_code == 401, COUNTS_S, "its key counts still")
    eventually(
        lambda: not house.get("/metrics").text.count('nst_jobs{kind="transfer",lane="engine",status="running"} 1'),
        60,
        "runs",
    )
    eventually(lambda: files(house) - before == left_by(before, files(house)), 60, "files are left")
    assert birch.get(kept["links"]["image"]).status_code == 200
    again = birch.paint(photo_png, "both")
    assert again["style_cache"] == "hit"  # Grams that others use too are kept
    assert root.delete("/v1/tenants/doomed").status_code == 404
    assert "doomed" not in root.get("/v1/tenants").text


def left_by(before: set[Path], after: set[Path]) -> set[Path]:
    """Return the new files that belong to no tenant: Gram matrices of pictures that others have too, and the log."""
    return {path for path in after - before if path.parts[0] in ("store",) or shares_its_image(path, before)}


def shares_its_image(path: Path, before: set[Path]) -> bool:
    images = {known.name.partition("-")[0] for known in before if known.parts[0] == "grams"}
    return path.parts[0] == "grams" and path.name.partition("-")[0] in images


def test_a_name_is_used_again_after_a_while_and_means_another_tenant(
    house: RunningService, root: Person, texture_png: bytes
) -> None:
    former = make_doomed(root, "phoenix")
    former.save("ashes", texture_png)
    assert root.delete("/v1/tenants/phoenix").status_code == 200
    refused = root.post("/v1/tenants", {"name": "phoenix"})
    assert (refused.status_code, "Retry-After" in refused.headers) == (409, True)
    execute(house, "UPDATE tenants SET removed_at = removed_at - 100 WHERE name = 'phoenix'")
    new = make_doomed(root, "phoenix")
    within(lambda: former.get("/v1/styles").status_code == 401, COUNTS_S, "the former key counts still")
    within(lambda: new.get("/v1/styles/ashes").status_code == 404, COUNTS_S, "not new everywhere")


def test_no_worker_keeps_gram_matrices_of_a_removed_tenant(
    house: RunningService, root: Person, birch: Person, photo_png: bytes, texture_png: bytes
) -> None:
    picture = texture_png + b"that nobody else has"
    lone = make_doomed(root, "lone")
    with house.halted("service worker", but=1):  # the one that goes on paints all three
        lone.save("own", picture)
        assert [lone.paint(photo_png, "own")["style_cache"] for _ in range(2)] == ["miss", "hit"]
        assert root.delete("/v1/tenants/lone").json()["removed"]["grams"] > 0
        birch.save("same", picture)
        assert birch.paint(photo_png, "same")["style_cache"] == "miss"


def test_nothing_is_added_to_a_tenant_that_is_being_removed(
    house: RunningService, root: Person, photo_png: bytes, texture_png: bytes
) -> None:
    """As if a request had begun before the removal: its key counts still, in this process."""
    late = make_doomed(root, "fading")
    for _ in range(2):
        late.save("there", texture_png)
    (former,) = late.get("/v1/styles/there/versions").json()["items"]
    for _ in range(20):  # so that each web process has read the key with the tenant that it is of
        late.get("/v1/styles?limit=1")
    body = {"styles": [{"preset": "there"}], "size": 64}
    change = "UPDATE tenants SET removed_at = ?, created_at = created_at + ? WHERE name = 'fading'"
    asked = (
        ("POST", "/v1/transfers", body | {"content": b64(photo_png)}),
        ("POST", "/v1/batches", body | {"contents": [b64(photo_png)]}),
        ("PUT", "/v1/styles/more", {"images": [{"image": b64(texture_png)}]}),
        ("POST", "/v1/styles/there/restore", {"version": former["version"]}),
        ("PUT", "/v1/styles/there/painter", {"size": 64, "minutes": 0.01}),
    )
    with house.halted("service worker"):  # whose sweep would remove it
        for values in ((time.time(), 0), (None, 1)):  # the latter is another tenant of that name
            execute(house, change, *values)
            for method, path, sent in asked:
                execute(house, "UPDATE roll SET seen_at = ?", time.time())  # without workers nothing is accepted
                assert late.ask(method, path, sent).status_code == 401, path
        execute(house, change, time.time(), 0)
        assert root.post("/v1/keys", {"tenant": "fading", "name": "x", "scopes": ["read"]}).status_code == 422
        done = command(house, "tenants", "remove", "fading")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == list(KINDS)
    assert not any(rows(house, "fading").values())
