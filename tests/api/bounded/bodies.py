"""Bodies at the bounds of a request, and the short refusals that they get."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.api.schemas.fields import SMALLEST_IMAGE as PICTURE

GOOD: dict[str, Any] = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 32}

LARGE = 2**24  # bytes

JSON = "application/json"


def post(client: FlaskClient, body: bytes) -> TestResponse:
    return client.post("/v1/transfers", data=body, content_type=JSON)


def with_more(more: bytes) -> bytes:
    """A good body with something more in it."""
    return json.dumps(GOOD).encode()[:-1] + b", " + more + b"}"


def filled(unit: bytes) -> bytes:
    return unit * (LARGE // len(unit))


def assert_refused(answer: TestResponse, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert len(answer.data) < 5000
    assert words in answer.get_json()["detail"]


def send_form(client: FlaskClient, *parts: tuple[str, str | None, bytes]) -> TestResponse:
    """A form of parts (name, file name, content), byte for byte."""
    body = b""
    for name, filename, content in parts:
        of_file = f'; filename="{filename}"' if filename else ""
        head = f'--frontier\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return client.post(
        "/v1/transfers", data=body + b"--frontier--\r\n", content_type="multipart/form-data; boundary=frontier"
    )


def assert_too_large(answer: TestResponse, detail: str) -> None:
    assert_refused(answer, 413, detail)
    problem = answer.get_json()
    assert problem["detail"] == detail
    assert (problem["type"], problem["title"]) == ("urn:nst:problem:body-too-large", "Body too large")
