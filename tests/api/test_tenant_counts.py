"""How often a POST counts what its tenant has, and what it has used on some days together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from api.controls import NEGATIVE
from flask import Flask
from flask.testing import FlaskClient
from front_door import b64, png
from jobs.limited import used_on
from sqlalchemy import Engine, event

from service.config import Settings
from service.storage.database import Database

BODY = {"content": b64(png(NEGATIVE)), "styles": [{"image": b64(png(NEGATIVE))}], "size": 64, "iterations": 1}


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, starters=False, limit_waiting_jobs=2, limit_stored_mb=100.0)


@pytest.fixture
def counted() -> Iterator[list[str]]:
    """The statements that counted what a tenant has."""
    sent = list[str]()

    def note(*args: Any) -> None:
        if "planned_cost" in args[2]:
            sent.append(args[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


def test_a_post_counts_once_where_its_tenant_was_counted_a_moment_ago(app: Flask, counted: list[str]) -> None:
    client, counts = app.test_client(), list[int]()

    def post() -> tuple[int, str]:
        before = len(counted)
        answer = client.post("/v1/transfers", json=BODY)
        counts.append(len(counted) - before)
        return answer.status_code, answer.headers["RateLimit"].partition(",")[0]

    assert [post(), post()] == [(202, '"waiting_jobs";r=1'), (202, '"waiting_jobs";r=0')]
    assert counts == [2, 1]  # the first one is checked before its pictures are read, too
    assert post()[0] == 429
    (job, *_) = client.get("/v1/transfers").get_json()["items"]
    client.delete(f"/v1/transfers/{job['id']}")
    assert post() == (202, '"waiting_jobs";r=0')  # at once, though the tenant was known to have two


@pytest.mark.parametrize("by", ["", "&by=day"])
def test_the_sums_of_usage_are_rounded(client: FlaskClient, database: Database, by: str) -> None:
    for day, part in ((1, 0.1), (2, 0.2)):
        used_on(database, "default", datetime(2026, 1, day, tzinfo=UTC), part)
    report = client.get(f"/v1/usage?from=2026-01-01&to=2026-01-02{by}").get_json()
    assert report["megapixel_evaluations"] == 0.3
    assert [item["megapixel_evaluations"] for item in report["items"]] == ([0.1, 0.2] if by else [0.3])
