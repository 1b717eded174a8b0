"""A request's URL, names and headers are bounded, and refusals are short."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from api.bounded.bodies import GOOD
from flask.testing import FlaskClient

from service.api.http.paging import to_cursor
from service.api.schemas.fields import SMALLEST_IMAGE as PICTURE

ODD = ("%00", "a%00b", "%ff", "A", "a_b", "%F0%9F%98%80", "a%0A", "%1b", "x" * 3000, "%ed%a0%80")


@pytest.mark.parametrize("query, loc", [
    *((f"limit={quote(text)}", "limit") for text in ("1_0", "+5", " 5 ", "\u0665", "5.5", "0x5", "", "-1")),
    ("limit=" + "9" * 4000, "limit"),
    ("limit=1&limit=2", "limit"),
    ("status=queued&status=failed", "status"),
    ("limit=1&page=1&page=2", "page"),
    ("cursor=%00", "cursor"),
    ("cursor=a&cursor=b", "cursor"),
    ("cursor=" + "A" * 3000, "cursor"),
    (f"cursor={to_cursor('a', 1)}", "cursor"),
])  # fmt: skip
def test_parameters_of_a_url_are_taken_by_their_letters(client: FlaskClient, query: str, loc: str) -> None:
    answer = client.get(f"/v1/transfers?{query}")
    assert answer.status_code == 422, answer.text
    assert [error["loc"] for error in answer.get_json()["errors"]] == [loc]


@pytest.mark.parametrize("index", ["1_0", "+5", " 5 ", "\u0665", "0x5", "9" * 3000])
def test_numbers_in_a_path_are_taken_by_their_letters(client: FlaskClient, index: str) -> None:
    assert client.put("/v1/styles/harbour", json={"images": [{"image": PICTURE}]}).status_code in (200, 201)
    id = client.post("/v1/transfers", json=GOOD).get_json()["id"]
    for path in (f"/v1/styles/harbour/images/{index}", f"/v1/transfers/{id}/styles/{index}"):
        assert client.get(path).status_code == 422
    assert client.get(f"/v1/transfers/{id}/image?variant={quote(index)}").status_code == 422
    assert client.get("/v1/styles/harbour/images/0").status_code == 200


@pytest.mark.parametrize("text", ODD)
def test_what_can_be_no_name_and_no_id_is_not_found(both: FlaskClient, text: str) -> None:
    for path in ("", "/image", "/pack", "/images/0"):
        assert both.get(f"/v1/styles/{text}{path}").status_code == 404
    assert both.delete(f"/v1/styles/{text}").status_code == 404
    assert both.put(f"/v1/styles/{text}", json={"images": [{"image": PICTURE}]}).status_code == 422
    for path in ("", "/image", "/preview", "/events", "/content", "/styles/0", "/sheet"):
        assert both.get(f"/v1/transfers/{text}{path}").status_code == 404
    assert both.post(f"/v1/transfers/{text}/cancel").status_code == 404
    assert both.get(f"/v1/scores/{text}").status_code == 404


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "\x1b[2J", "é" * 3000])
def test_odd_text_in_a_body_or_cursor_is_refused(both: FlaskClient, text: str) -> None:
    fields: list[dict[str, Any]] = [
        {"styles": [{"preset": text}]},
        {"init": {"job": text}},
        {"callback_url": f"http://example.com/{text}"},
        {"blend": {"from": text, "to": "a", "steps": 1}},
        {"color": text},
    ]
    for field in fields:
        assert both.post("/v1/transfers", json=GOOD | field).status_code == 422, field
    cursor = to_cursor(text)
    assert both.get(f"/v1/styles?cursor={cursor}").status_code == 422


@pytest.mark.parametrize("header", [
    {"Prefer": "wait=1_0"},
    {"Prefer": "wait=+1"},
    {"Prefer": "wait=\u0665".encode().decode("latin-1")},
    {"Prefer": "wait;" * 1000},
    {"Prefer": '"' * 7000},
    {"Accept": "a/b," * 2000},
    {"If-None-Match": '"a",' * 2000},
    {"If-None-Match": '"' + "a" * 8000},
    {"If-Modified-Since": "9" * 8000},
    {"Range": "bytes=" + "0-1," * 2000},
    {"Authorization": "Bearer " + "a" * 8000},
    {"Authorization": "Basic " + "=" * 8000},
    {"Authorization": "Digest " + "a=b," * 2000},
    {"Cookie": "a=b;" * 2000},
    {"Last-Event-ID": "9" * 8000},
    {"Last-Event-ID": "1_0"},
    {"X-Forwarded-For": "1," * 4000},
    {"X-Request-ID": "a" * 8000},
    {"traceparent": "0" * 8000},
])  # fmt: skip
def test_odd_headers_break_nothing(client: FlaskClient, header: dict[str, str]) -> None:
    assert client.get("/v1/transfers", headers=header).status_code in (200, 304)
    id = client.post("/v1/transfers", json=GOOD, headers={"Idempotency-Key": "a"}).get_json()["id"]
    assert client.get(f"/v1/transfers/{id}/image", headers=header).status_code == 409
    assert client.get(f"/v1/transfers/{id}/content", headers=header).status_code in (200, 206, 416)
    assert client.post("/v1/transfers", json=GOOD, headers=header).status_code == 202
