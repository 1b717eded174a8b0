"""What a page of presets costs the database."""

from __future__ import annotations

from typing import Any

from api.controls import NEGATIVE
from flask import Flask
from front_door import b64, png
from sqlalchemy import Engine, event

MORE = 3  # presets that have tasks


def test_a_page_takes_as_many_queries_however_many_presets_learn_and_warm(app: Flask) -> None:
    client, statements = app.test_client(), 0

    def count(*_: Any) -> None:
        nonlocal statements
        statements += 1

    def queries() -> int:
        nonlocal statements
        statements = 0
        event.listen(Engine, "before_cursor_execute", count)
        try:
            assert client.get("/v1/styles").status_code == 200
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        return statements

    body = {"images": [{"image": b64(png(NEGATIVE))}], "painter": {"size": 64}, "warm": [64]}
    assert client.put("/v1/styles/learns-0", json=body).status_code == 201
    one = queries()
    for number in range(1, MORE):
        assert client.put(f"/v1/styles/learns-{number}", json=body).status_code == 201
    assert queries() == one > 0
    shown = client.get("/v1/styles").get_json()["items"]
    assert [preset["painter"] for preset in shown] == ["queued"] * MORE
