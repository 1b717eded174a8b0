"""Rows that no version wrote, or that only a later one could read: they harm nobody else's jobs."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from front_door import RunningService, b64, eventually

UNREADABLE_REQUESTS: dict[str, Any] = {
    "null": None,
    "no-styles": {"styles": None, "content": None, "options": None},
    "odd-styles": {"styles": [{"images": None}, 5], "options": 7},
    "odd-variants": {"variants": 5},
    "odd-iterations": {"options": {"iterations": "90"}, "variants": [{"options": {"iterations": None}}]},
}
UNREADABLE_COLUMNS: dict[str, tuple[str, Any]] = {
    "progress": ("progress", 5),
    "no-event": ("progress", {"event": None}),
    "checkpoint": ("checkpoint", "x"),
    "checkpoint-progress": ("checkpoint", {"blob": None, "progress": None, "done": None}),
    "preview": ("preview", []),
}
BROKEN_TEXTS: dict[str, str | bytes] = {"cut": '{"size": 6', "empty": "", "not-utf-8": b'{"size": "\xff\xfe'}
JSON_COLUMNS = ("request", "progress", "preview", "checkpoint", "error", "timings", "engine", "result")
UNREADABLE_RESULTS: dict[str, Any] = {"number": 5, "text": "x", "variants": {"variants": 5}}


@pytest.fixture(scope="module", autouse=True)
def removed(service: RunningService) -> Iterator[None]:
    """Remove what these tests added: other tests list the jobs too."""
    yield
    with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection, connection:
        connection.execute("DELETE FROM jobs WHERE id LIKE 'ended-%' OR id LIKE 'waiting-%' OR id = 'later'")


@pytest.fixture(scope="module")
def good(service: RunningService, photo_png: bytes, texture_png: bytes) -> dict[str, Any]:
    return service.ended(submitted(service, photo_png, texture_png))


def submitted(service: RunningService, photo_png: bytes, texture_png: bytes) -> str:
    job = service.transfer(photo_png, {"image": b64(texture_png)}, size=32, iterations=2)
    return str(job["id"])


def add(service: RunningService, like: str, id: str, **columns: Any) -> None:
    """Add a copy of a job's row with other columns, past the service."""
    with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection, connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM jobs WHERE id = ?", (like,)).fetchone())
        del row["number"]
        row |= {"id": id} | columns
        marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, bytes) else "?" for value in row.values())
        connection.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608


def damaged() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, request in UNREADABLE_REQUESTS.items():
        yield f"request-{name}", {"request": json.dumps(request)}
    for name, (column, value) in UNREADABLE_COLUMNS.items():
        yield f"column-{name}", {column: json.dumps(value)}
    for name, result in UNREADABLE_RESULTS.items():
        yield f"result-{name}", {"result": json.dumps(result)}
    for column in JSON_COLUMNS:
        yield f"{column}-of-another-shape", {column: json.dumps([7])}
        for name, text in BROKEN_TEXTS.items():
            yield f"{column}-{name}", {column: text}


@pytest.mark.slow
def test_ended_jobs_are_shown_and_listed(service: RunningService, good: dict[str, Any]) -> None:
    names = [name for name, _ in damaged()]
    for name, columns in damaged():
        add(service, good["id"], f"ended-{name}", **columns)
    statuses = {name: service.get(f"/v1/transfers/ended-{name}").status_code for name in names}
    assert statuses == dict.fromkeys(names, 200)
    listed = service.get("/v1/transfers?limit=100")
    assert listed.status_code == 200
    assert {f"ended-{name}" for name in names} <= {job["id"] for job in listed.json()["items"]}
    events = {name: service.get(f"/v1/transfers/ended-{name}/events").text.count("event: done") for name in names}
    assert events == dict.fromkeys(names, 1)


def test_a_number_that_is_not_finite_is_null_for_callers(service: RunningService, good: dict[str, Any]) -> None:
    losses = {"content": math.nan, "style": math.inf, "tv": 0.5, "total": -math.inf}
    result = good["result"]["variants"][0] | {"blob": "jobs/gone", "losses": losses}
    add(service, good["id"], "no-numbers", result=json.dumps(result), progress=json.dumps({"losses": losses}))
    shown = {"content": None, "style": None, "tv": 0.5, "total": None}
    job = json.loads(service.get("/v1/transfers/no-numbers").text, parse_constant=pytest.fail)
    assert job["result"]["losses"] == job["progress"]["losses"] == shown
    json.loads(service.get("/v1/transfers?limit=1").text, parse_constant=pytest.fail)
    events = service.get("/v1/transfers/no-numbers/events").text
    for data in (line.removeprefix("data: ") for line in events.splitlines() if line.startswith("data: ")):
        json.loads(data, parse_constant=pytest.fail)


def test_a_webhook_whose_row_is_damaged_is_given_up_alone(service: RunningService, good: dict[str, Any]) -> None:
    with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection, connection:
        connection.execute(
            "INSERT INTO deliveries (id, job_id, url, payload, created_at, attempts, due_at) "
            "VALUES ('broken', ?, 'http://localhost:9/', '{\"type\": ', 1, 0, 1)",
            (good["id"],),
        )

    def is_given_up() -> bool:
        with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection:
            due_at, error = connection.execute("SELECT due_at, error FROM deliveries WHERE id = 'broken'").fetchone()
        return due_at is None and "its row is damaged" in error

    eventually(is_given_up, 60, "it is still due")


@pytest.mark.slow
def test_waiting_jobs_fail_alone(
    service: RunningService, good: dict[str, Any], photo_png: bytes, texture_png: bytes
) -> None:
    again = {"status": "queued", "finished_at": None, "result": None, "attempts": 0, "fence": 0}
    waiting = {name: columns for name, columns in damaged() if "result" not in columns}
    for name, columns in waiting.items():
        add(service, good["id"], f"waiting-{name}", **again | columns)
    assert service.ended(submitted(service, photo_png, texture_png))["status"] == "succeeded"
    ended = {name: service.ended(f"waiting-{name}")["status"] for name in waiting}
    assert ended == {name: "failed" if name.startswith("request") else "succeeded" for name in waiting}
    assert "this worker ends" not in service.log.read_text()


def test_a_kind_that_only_a_later_version_knows_is_left_to_its_workers(
    service: RunningService, good: dict[str, Any], photo_png: bytes, texture_png: bytes
) -> None:
    add(service, good["id"], "later", kind="video", status="queued", finished_at=None, attempts=0, fence=0)
    assert service.ended(submitted(service, photo_png, texture_png))["status"] == "succeeded"
    with closing(sqlite3.connect(service.data / "service.db")) as connection:
        (row,) = connection.execute("SELECT status, attempts FROM jobs WHERE id = 'later'").fetchall()
    assert row == ("queued", 0)
