"""Keys: shown once, stored as digests, rotated, revoked and expired while the service runs, and never stronger."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from batches.painting import RECIPE, enlarge_picture
from front_door import RunningService, b64, eventually, within
from tenants.people import AT_ONCE, COUNTS_S, Person, command, person_by_command

from service.__main__ import main
from service.tenants.keys import LATE_S

pytestmark = pytest.mark.slow


def is_refused(person: Person) -> bool:
    """Return whether eight requests, which both web processes answer, are all 401."""
    return all(person.get("/v1/styles").status_code == 401 for _ in range(8))


def begun(person: Person, path: str) -> requests.Response:
    """Return an answer of which nothing but its head is read."""
    headers = {"X-API-Key": person.key}
    return requests.get(person.service.url + path, headers=headers, stream=True, timeout=30)


def takes_over(new: Person, former: Person) -> None:
    """Check that a key ends, and that every web process knows the new one as soon as one refuses the former."""
    within(lambda: former.get("/v1/styles").status_code == 401, COUNTS_S, "the former key counts still")
    assert [new.get("/v1/styles").status_code for _ in range(AT_ONCE)] == [200] * AT_ONCE
    within(lambda: is_refused(former), COUNTS_S, "the former key counts still")


def test_a_key_is_shown_once_and_lies_nowhere(house: RunningService, root: Person, acme: Person) -> None:
    made = acme.with_key(["read"])
    assert made.key.startswith("nst_")
    assert len(made.key) == 4 + 43  # 256 bits in base64url
    for path in ("/v1/keys", f"/v1/keys/{made.id}"):
        assert made.key not in root.get(path).text
    with closing(sqlite3.connect(house.data / "service.db")) as database:
        (digest,) = database.execute("SELECT digest FROM api_keys WHERE id = ?", (made.id,)).fetchone()
    assert digest == hashlib.sha256(made.key.encode()).hexdigest()
    made.get(f"/v1/styles?api_key={made.key}")
    kept = [path for path in house.data.rglob("*") if path.is_file() and made.key.encode() in path.read_bytes()]
    assert kept == []
    assert is_refused(Person(house, "")), "a key in the query doesn't count"


def test_a_rotated_key_and_the_new_one_count_together(acme: Person, house: RunningService) -> None:
    made = acme.with_key(["read", "run"], expires_at="2090-05-06T09:08:07.5+02:00")
    before = acme.get(f"/v1/keys/{made.id}").json()
    assert before["expires_at"] == "2090-05-06T07:08:07.500Z"
    answer = acme.post(f"/v1/keys/{made.id}/rotate", {}).json()
    assert {name: answer[name] for name in ("name", "scopes", "tenant", "expires_at")} == {
        name: before[name] for name in ("name", "scopes", "tenant", "expires_at")
    }
    again = acme.post(f"/v1/keys/{made.id}/rotate", {"grace_s": 3600})  # which makes its grace no longer
    assert again.json()["expires_at"] == before["expires_at"]
    takes_over(Person(house, answer["key"]), made)
    assert acme.post(f"/v1/keys/{made.id}/rotate").status_code == 404
    last = acme.post(f"/v1/keys/{again.json()['id']}/rotate").json()  # no body says nothing
    assert acme.post(f"/v1/keys/{last['id']}/rotate", **{"Content-Type": "application/json"}).status_code == 201


def test_a_new_key_counts_at_once_in_every_web_process(root: Person) -> None:
    for _ in range(4):
        made = root.with_key(["read"])
        assert [made.get("/v1/styles").status_code for _ in range(AT_ONCE)] == [200] * AT_ONCE


def test_a_key_expires_by_the_clock(acme: Person) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=20)
    made = acme.with_key(["read"], expires_at=ends.isoformat())
    eventually(lambda: made.get("/v1/styles").status_code == 401, 60, "the key counts still")
    assert datetime.now(UTC) >= ends
    assert is_refused(made)
    for text in ("2001-01-01T00:00:00Z", "2099-01-01T00:00:00", "soon", "0001-01-01T00:00:00+23:59"):
        answer = acme.post("/v1/keys", {"name": "late", "scopes": ["read"], "expires_at": text})
        assert answer.json()["errors"][0]["loc"] == "expires_at"


def test_a_revoked_key_ends_everywhere_and_so_does_what_it_watches(
    acme: Person, photo_png: bytes, texture_png: bytes
) -> None:
    acme.save("watched", texture_png)
    made = acme.with_key(["read", "run"])
    batch = made.post("/v1/batches", RECIPE | {"contents": [b64(photo_png)]}).json()["id"]
    assert "event: done" in made.get(f"/v1/batches/{batch}/events").text
    (item,) = made.get(f"/v1/batches/{batch}/items").json()["items"]
    enlarge_picture(made.service, item["id"], 40 * 10**6)  # more than lies in the sockets of a slow reader
    body = {"content": b64(photo_png), "styles": [{"preset": "watched"}], "size": 300, "iterations": 2000}
    job = made.post("/v1/transfers", body | {"tolerance": 0.0}).json()
    try:
        with (
            begun(made, f"/v1/transfers/{job['id']}/events") as stream,
            begun(made, f"/v1/batches/{batch}/zip") as file,
        ):
            lines = stream.iter_lines()
            next(lines)
            assert acme.delete(f"/v1/keys/{made.id}").status_code == 204
            assert b"event: done" not in list(lines)
            within(lambda: is_refused(made), COUNTS_S, "the key counts still")
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                assert len(file.content) < 40 * 10**6
        assert acme.delete(f"/v1/keys/{made.id}").status_code == 204
        assert acme.get(f"/v1/transfers/{job['id']}").json()["status"] in ("queued", "running")
    finally:
        acme.delete(f"/v1/transfers/{job['id']}")


def test_the_last_use_of_a_key_is_noted(acme: Person) -> None:
    made = acme.with_key(["read"])
    made.get("/v1/styles")
    eventually(lambda: acme.get(f"/v1/keys/{made.id}").json()["last_used_at"], 60, "no use was noted")
    noted = acme.get(f"/v1/keys/{made.id}").json()["last_used_at"]
    for _ in range(4):
        made.get("/v1/styles")
    assert acme.get(f"/v1/keys/{made.id}").json()["last_used_at"] == noted  # once a minute


def test_no_key_makes_a_stronger_one(root: Person, acme: Person, birch: Person) -> None:
    admin = acme.with_key(["admin"])
    for scopes in (["read"], ["admin", "run"]):
        answer = admin.post("/v1/keys", {"name": "more", "scopes": scopes})
        assert (answer.status_code, [error["loc"] for error in answer.json()["errors"]]) == (403, ["scopes"])
    assert admin.post("/v1/keys", {"name": "as", "scopes": ["admin"]}).status_code == 201
    strong = acme.with_key(["read", "admin"])
    brief = acme.with_key(["admin"], expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    ends = acme.get(f"/v1/keys/{brief.id}").json()["expires_at"]
    assert brief.post("/v1/keys", {"name": "as", "scopes": ["admin"]}).json()["expires_at"] == ends
    same = {"name": "as", "scopes": ["admin"], "expires_at": ends}
    assert brief.post("/v1/keys", same).json()["expires_at"] == ends
    late = same | {"expires_at": (datetime.fromisoformat(ends) + timedelta(seconds=0.5)).isoformat()}
    assert brief.post("/v1/keys", late).json()["errors"][0]["loc"] == "expires_at"
    assert brief.post(f"/v1/keys/{admin.id}/rotate", {}).status_code == 403
    answer = admin.post(f"/v1/keys/{strong.id}/rotate", {})
    assert (answer.status_code, answer.json().get("errors")) == (403, None), "it names no scopes"
    for tenant in ("default", "birch", "nowhere"):
        answer = acme.post("/v1/keys", {"tenant": tenant, "name": "x", "scopes": ["read"]})
        assert answer.json()["errors"] == [{"loc": "tenant", "msg": f"there is no tenant {tenant!r}"}]
        assert acme.get(f"/v1/keys?tenant={tenant}").json()["items"] == []
    assert [entry["name"] for entry in acme.get("/v1/tenants").json()["items"]] == ["acme"]
    assert acme.get(f"/v1/keys/{root.id}").status_code == 404
    assert {"acme", "birch", "default"} <= {entry["name"] for entry in root.get("/v1/tenants").json()["items"]}
    assert root.get(f"/v1/keys/{birch.id}").status_code == 200


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31mred", "a\u2028b", "\u009b2J", "x" * 65, "\ud800"])
def test_a_name_that_a_terminal_or_log_could_trip_over_is_refused(acme: Person, name: str) -> None:
    answer = acme.post("/v1/keys", {"name": name, "scopes": ["read"]})
    assert answer.status_code in (400, 422)  # 400: no text in JSON
    for path, body in (("/v1/tenants", {"name": name or "A"}), ("/v1/keys", {"name": "x", "scopes": ["write"]})):
        assert acme.post(path, body).status_code in (400, 403, 422)


def test_keys_are_listed_in_pages(acme: Person) -> None:
    for _ in range(3):
        acme.with_key(["read"])
    found: list[Any] = []
    page = acme.get("/v1/keys?limit=2").json()
    while page["next"]:
        found += page["items"]
        page = acme.get(f"/v1/keys?limit=2&cursor={page['next']}").json()
    found += page["items"]
    assert [key["id"] for key in found] == [key["id"] for key in acme.get("/v1/keys?limit=200").json()["items"]]
    assert len({key["id"] for key in found}) == len(found) >= 4


def test_the_commands_work_while_the_service_runs(house: RunningService, acme: Person) -> None:
    made = person_by_command(house, "--tenant", "acme", "--name", "laptop", "--scopes", "read", "--lifetime", "1h")
    assert made.post("/v1/transfers", {}).status_code == 403
    listed = command(house, "keys", "list", "--tenant", "acme").stdout
    assert f"{made.id}\tacme\tlaptop\tread\t" in listed
    assert made.key not in listed
    rotated = command(house, "keys", "rotate", made.id, "--grace", "0")
    new = Person(house, rotated.stdout.strip(), rotated.stderr.split()[1])
    takes_over(new, made)
    began, ended = (acme.get(f"/v1/keys/{person.id}").json() for person in (new, made))
    seconds = datetime.fromisoformat(ended["revoked_at"]) - datetime.fromisoformat(began["created_at"])
    assert seconds >= timedelta(seconds=LATE_S)
    assert command(house, "keys", "revoke", new.id).returncode == 0
    within(lambda: is_refused(new), COUNTS_S, "the key counts still")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keys", "add", "--name", "a\nb"), "name: must be 1 to 64 printable characters"),
        (("keys", "add", "--tenant", "No"), "tenant: there is no tenant 'No'"),
        (("keys", "add", "--tenant", "none"), "tenant: there is no tenant 'none'"),
        (("keys", "add", "--scopes", "read,write"), "scopes: must be one or more of read, run, presets, admin"),
        (("keys", "add", "--lifetime", "soon"), "lifetime: "),
        (("keys", "list", "--tenant", "none"), "there is no tenant 'none'"),
        (("keys", "list", "--tenant", "\x1b[2J"), "tenant: there is no tenant "),
        (("keys", "rotate", "none", "--grace", "-1"), "grace: must be at least 0"),
        (("keys", "revoke", "none"), "there is no key 'none'"),
        (("keys", "rotate", "none"), "there is no key 'none'"),
        (("keys", "remove-all"), "--yes does it"),
        (("tenants", "add", "\x1b[2J"), "name: must be 1 to 63 of a-z, 0-9 and -"),
        (("tenants", "add", "default"), "there is a tenant 'default' already"),
        (("tenants", "set", "default"), "--limit: name at least one limit to change"),
        (("tenants", "remove", "default"), "the tenant 'default' can't be removed"),
        (("tenants", "remove", "none"), "there is no tenant 'none'"),
    ],
)
def test_what_a_command_refuses_it_says_in_a_sentence(
    house: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "0")  # which main() would set for good
    for name in house.env.keys() - os.environ.keys():
        monkeypatch.setenv(name, house.env[name])
    assert main([*words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_a_rotated_key_of_the_default_tenant_is_the_caller_that_it_was(root: Person, texture_png: bytes) -> None:
    first = root.with_key(["run", "admin", "read"])
    answer = first.post(f"/v1/keys/{first.id}/rotate", {"grace_s": 60}).json()
    second = Person(root.service, answer["key"], answer["id"])
    body = {"content": b64(texture_png), "styles": [{"image": b64(texture_png)}], "size": 64, "iterations": 1}
    jobs = [person.post("/v1/transfers", body, **{"Idempotency-Key": "mine"}).json() for person in (first, second)]
    assert jobs[0]["id"] == jobs[1]["id"]
