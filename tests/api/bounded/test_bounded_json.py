"""A request's JSON is bounded, and refusals are short."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO

import pytest
from api.bounded.bodies import GOOD, JSON, assert_refused, filled, post, with_more
from flask.testing import FlaskClient

from service.api.http.json_body import LONG, MAX_DEPTH, MAX_KEY, MAX_LONG, MAX_VALUES
from service.api.schemas.fields import SMALLEST_IMAGE as PICTURE
from service.errors import MAX_ERRORS


@pytest.mark.parametrize(("more", "status"), [(-1, 422), (0, 413), (2**20, 413)])
@pytest.mark.slow
def test_a_web_server_may_pass_on_a_body_without_its_length(client: FlaskClient, more: int, status: int) -> None:
    """Ours doesn't. werkzeug cuts such a body at the limit, so that one of just that size may be a larger one."""
    begin, end = b'{"x": "', b'"}'
    limit = client.application.config["MAX_CONTENT_LENGTH"]
    answer = client.post(
        "/v1/transfers",
        input_stream=BytesIO(begin.ljust(limit + more - len(end), b"A") + end),
        content_type=JSON,
        environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
    )
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("make, status, words", [
    (lambda: filled(b"["), 413, "larger than 1 MiB"),
    (lambda: b"[" * 5000, 400, f"nested more than {MAX_DEPTH} deep"),
    (lambda: with_more(b'"x":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), 400, "nested"),
    (lambda: b"{" + filled(b'"a":1,') + b'"b":1}', 413, f"more than {MAX_VALUES:,} values"),
    (lambda: with_more(b'"x":[' + b",".join([b"1"] * MAX_VALUES) + b"]"), 413, "values"),
    (lambda: with_more(b'"x":' + filled(b"1")), 413, "larger than 1 MiB"),
    (lambda: with_more(b'"x":' + b"1" * 5000), 400, "a number of 5,000 characters"),
    (lambda: with_more(b'"x":[' + b",".join([b'"%s"' % (b"A" * LONG)] * (MAX_LONG + 1)) + b"]"), 413, "strings of"),
    (lambda: with_more(b'"x":[' + b",".join([b'"%s"' % (b"A" * (LONG - 1))] * 1100) + b"]"), 413, "1 MiB"),
    (lambda: with_more(filled(b" ") + b'"x":1'), 413, "1 MiB"),
    (lambda: filled(b"\0"), 413, "1 MiB"),
    (lambda: with_more(b'"x":"' + filled(b'\\"') + b'"'), 413, "values"),
    (lambda: with_more(b'"x":"' + filled(b"\\\\") + b'"'), 422, "x: there is no such field"),
    (lambda: with_more(b'"x":"' + filled(b"\\u0041") + b'"'), 422, "x: there is no such field"),
    (lambda: with_more(b'"x":"' + filled(b"A") + b'"'), 422, "x: there is no such field"),
    (lambda: with_more(b'"color":"' + filled(b"A") + b'"'), 422, "color: "),
    (lambda: with_more(b'"init":"file:' + filled(b"A") + b'"'), 422, "init: "),
    (lambda: with_more(b'"' + b"k" * (MAX_KEY + 1) + b'":1'), 400, "200 printable characters"),
    (lambda: with_more(b'"\\ud800":1'), 400, "printable"),
    (lambda: with_more(b'"a\\u0000":1'), 400, "printable"),
    (lambda: with_more(b'"size":64'), 400, "the key 'size' twice"),
    (lambda: json.dumps(GOOD).encode("utf-16"), 400, "must be UTF-8"),
    (lambda: json.dumps(GOOD).encode() + b"{}", 400, "Extra data"),
    (lambda: json.dumps(GOOD).encode()[:-2], 400, "not JSON"),
])  # fmt: skip
@pytest.mark.slow
def test_json_past_a_limit_is_refused_and_told_which(
    client: FlaskClient, make: Callable[[], bytes], status: int, words: str
) -> None:
    assert_refused(post(client, make()), status, words)


@pytest.mark.parametrize("make", [
    lambda: b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    lambda: json.dumps(GOOD).encode().replace(b"/", b"\\/"),
    lambda: json.dumps(GOOD | {"content": PICTURE + "\n" * 2**20}).encode(),
    lambda: json.dumps(GOOD | {"variants": [{"init": PICTURE}] * 16}).encode(),
])  # fmt: skip
def test_what_clients_honestly_send_is_taken(client: FlaskClient, make: Callable[[], bytes]) -> None:
    assert post(client, make()).status_code == 202


@pytest.mark.parametrize("count", [MAX_ERRORS, MAX_ERRORS + 1, 3000])
def test_an_answer_names_a_few_errors_and_counts_the_others(client: FlaskClient, count: int) -> None:
    answer = client.post("/v1/transfers", json=GOOD | {f"field{i}": 1 for i in range(count)})
    assert_refused(answer, 422, "field0: there is no such field")
    problem = answer.get_json()
    assert len(problem["errors"]) == MAX_ERRORS
    assert problem.get("more_errors", 0) == count - MAX_ERRORS
    assert (f"; and {count - MAX_ERRORS:,} more" in problem["detail"]) == (count > MAX_ERRORS)


@pytest.mark.parametrize("field, value, loc, words", [
    ("styles", ["ink"], "styles.0", 'must be an object, as in {"preset": name} or {"image": …}'),
    ("styles", [None], "styles.0", "must be an object"),
    ("styles", {"preset": "ink"}, "styles", "list"),
    ("variants", [3], "variants.0", "must be an object"),
    ("blend", "ink", "blend", 'must be an object, as in {"from": name'),
    ("content", "photo.jpg", "content", "is the name of a file, which is not base64: send that of the file's bytes"),
    ("content", "fünf", "content", "not base64: send that of the file's bytes"),
])  # fmt: skip
def test_a_field_of_another_kind_says_what_it_must_be(
    client: FlaskClient, field: str, value: object, loc: str, words: str
) -> None:
    answer = client.post("/v1/transfers", json=GOOD | {field: value})
    errors = answer.get_json()["errors"]
    assert [error["loc"] for error in errors] == [loc]
    assert words in errors[0]["msg"]
