"""A request's form is bounded, and refusals are short."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import pytest
from api.bounded.bodies import GOOD, JSON, LARGE, assert_refused, assert_too_large, send_form
from flask.testing import FlaskClient

from service.api.http.form import MAX_HEAD
from service.api.http.json_body import MAX_JSON
from service.api.schemas.fields import SMALLEST_IMAGE as PICTURE

REQUEST = ("request", None, json.dumps(GOOD).encode())


@pytest.mark.parametrize("parts, status, words", [
    ([REQUEST, REQUEST], 400, "the part 'request' twice"),
    ([REQUEST, ("request", "r.json", REQUEST[2])], 400, "the part 'request' twice"),
    ([REQUEST, ("a", "a", b"x"), ("a", "b", b"y")], 400, "the part 'a' twice"),
    ([REQUEST, ("a", "a", b"x")], 422, "a part 'a' that the request doesn't name"),
    ([REQUEST, ("a", None, b"x")], 400, "the form's part 'a' is no file"),
    ([REQUEST, ("a" * 101, "a", b"x")], 400, "100 printable characters"),
    ([REQUEST, ("a\0", "a", b"x")], 400, "printable"),
    ([REQUEST, ("", "a", b"x")], 400, "printable"),
    ([REQUEST, ('a\\"', None, b"x")], 400, "the form's part"),
    ([("request", None, b" " * (MAX_JSON + 1))], 413, "1 MiB"),
    ([("request", "r.json", b" " * (MAX_JSON + 1))], 413, "the form's part 'request' is larger than 1 MiB"),
    ([("request", None, json.dumps(GOOD | {"content": "file:" + "b" * 5000}).encode())], 422, "content: "),
])  # fmt: skip
def test_a_form_has_no_part_too_much(
    client: FlaskClient, parts: list[tuple[str, str | None, bytes]], status: int, words: str
) -> None:
    assert_refused(send_form(client, *parts), status, words)


def test_what_is_too_large_says_which_limit_it_is_past(client: FlaskClient) -> None:
    limit = client.application.config["MAX_CONTENT_LENGTH"]
    body = "the request body is larger than 64 MiB (NST_MAX_BODY_MB)"
    for method, path, media_type in (
        ("POST", "/v1/transfers", JSON),
        ("POST", "/v1/transfers", "multipart/form-data; boundary=x"),
        ("PUT", "/v1/styles/a/pack", "application/octet-stream"),
    ):
        length = {"CONTENT_LENGTH": str(limit + 1)}
        answer = client.open(path, method=method, content_type=media_type, environ_overrides=length)
        assert_too_large(answer, body)
    text = "a text in the form is larger than 1 MiB: send files as parts"
    for size in (MAX_JSON + 1, LARGE):
        assert_too_large(send_form(client, ("request", None, b" " * size)), text)
    many = [(f"part{i}", None, b"x") for i in range(600)]
    assert_too_large(send_form(client, REQUEST, *many), "the form has more than 600 parts")


def test_headers_of_a_part_are_bounded(client: FlaskClient) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n'
    whole = head + b"a: b\r\n" * (MAX_HEAD // 6) + b"\r\nx\r\n--x--\r\n"
    answer = client.post("/v1/transfers", data=whole, content_type="multipart/form-data; boundary=x")
    assert_refused(answer, 400, "the headers of a part of the form are longer than 8,192 bytes")


def test_a_part_that_is_not_named_is_the_request_s_fault(client: FlaskClient) -> None:
    answer = send_form(client, REQUEST, ("a", "a", b"x"))
    assert [error["loc"] for error in answer.get_json()["errors"]] == ["request"]


def test_all_parts_may_be_named_anywhere_in_the_request(client: FlaskClient) -> None:
    picture = BytesIO(base64.b64decode(PICTURE))
    asked = GOOD | {"variants": [{"init": "file:deep"}]}
    answer = client.post("/v1/transfers", data={"request": json.dumps(asked), "deep": (picture, "deep.png")})
    assert answer.status_code == 202, answer.text
