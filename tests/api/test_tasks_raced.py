"""Two requests for one preset at a time: no learning stays that no preset names, as nobody could end it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from api.controls import NEGATIVE
from flask import Flask
from front_door import b64, png
from sqlalchemy import select

from service.api.context import KEY, AppContext
from service.config import Settings
from service.storage.preset_schema import PresetRow
from service.storage.records import ENDED
from service.storage.schema import JobRow

pytestmark = pytest.mark.slow

ROUNDS = 8
STYLE, PAINTER = "/v1/styles/harbour", "/v1/styles/harbour/painter"
PRESET: dict[str, Any] = {"images": [{"image": b64(png(NEGATIVE))}]}
LEARNING: dict[str, Any] = {"size": 64, "minutes": 1440}
TASKS = PRESET | {"painter": LEARNING, "warm": [64]}
PAIRS: dict[str, tuple[tuple[str, str, Any], tuple[str, str, Any]]] = {
    "two presets with a painter": (("PUT", STYLE, TASKS), ("PUT", STYLE, TASKS)),
    "a painter, the preset deleted": (("PUT", PAINTER, LEARNING), ("DELETE", STYLE, None)),
    "a painter, the preset replaced": (("PUT", PAINTER, LEARNING), ("PUT", STYLE, PRESET)),
    "two painters": (("PUT", PAINTER, LEARNING), ("PUT", PAINTER, LEARNING)),
    "a painter, and none": (("PUT", PAINTER, LEARNING), ("DELETE", PAINTER, None)),
}


@pytest.fixture
def settings(data_folder: Path) -> Settings:
    return Settings(data=data_folder, starters=False, queue_limit=1000, web_threads=4)


def at_once(app: Flask, *requests: tuple[str, str, Any]) -> list[int]:
    """Send requests at the same time; return their statuses."""
    together = threading.Barrier(len(requests))

    def send(method: str, path: str, body: Any) -> int:
        with app.test_client() as client:
            together.wait(30)
            return client.open(path, method=method, json=body).status_code

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(lambda request: send(*request), requests))


def open_tasks(app: Flask) -> tuple[set[str], set[str]]:
    """The tasks that have not ended, and those that presets name."""
    context: AppContext = app.extensions[KEY]
    with context.database.reading() as session:
        tasks = set(session.scalars(select(JobRow.id).where(JobRow.status.not_in(ENDED))))
        presets = session.scalars(select(PresetRow)).all()
    return tasks, {job for row in presets for job in (row.learning, row.warm.job if row.warm else None) if job}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_each_task_that_goes_on_is_that_of_a_preset(app: Flask, pair: Any) -> None:
    send: Callable[..., list[int]] = lambda *requests: at_once(app, *requests)  # noqa: E731
    for _ in range(ROUNDS):
        assert send(("PUT", STYLE, PRESET))[0] in (200, 201)
        assert all(status in (200, 201, 202, 204, 404) for status in send(*pair))
        tasks, named = open_tasks(app)
        assert tasks <= named
    send(("DELETE", STYLE, None))
    assert open_tasks(app) == (set(), set())
