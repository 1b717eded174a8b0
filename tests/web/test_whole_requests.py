"""Requests on the wire, as a server must take them."""

from __future__ import annotations

import hashlib
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from web.serving import LIMIT, WebServer, assert_problem, chunked, request

BODY = random.Random(1).randbytes(3000)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@pytest.mark.slow
def test_a_request_may_come_byte_by_byte(web: WebServer) -> None:
    with web.connection() as client:
        client.send(*(bytes([byte]) for byte in request("POST", "/a", b"hello")), pause=0.001)
        said = client.answer().json
    assert (said["PATH_INFO"], said["body"]) == ("/a", digest(b"hello"))


@pytest.mark.slow
def test_requests_may_come_all_at_once_and_are_answered_in_turn(web: WebServer) -> None:
    sent = [request("POST", "/1", BODY), request("GET", "/2"), chunked(BODY, BODY), request("GET", "/4?seconds=0.1")]
    with web.connection() as client:
        client.send(b"".join(sent) + b"\r\n" + request("GET", "/5", None, "Connection: close"))
        said = [client.answer().json for _ in range(5)]
        assert client.ended()
    assert [answer["PATH_INFO"] for answer in said] == ["/1", "/2", "/", "/4", "/5"]
    assert [answer["body"] for answer in said[:3]] == [digest(BODY), digest(b""), digest(BODY + BODY)]


def test_a_connection_is_kept_even_where_a_body_was_not_read(web: WebServer) -> None:
    with web.connection() as client:
        for _ in range(3):
            client.send(request("POST", "/?unread=1", bytes(LIMIT)))
            assert client.answer().status == 200
        client.send(request("GET", "/next"))
        assert client.answer().json["PATH_INFO"] == "/next"


def test_http_1_0_and_half_closed_clients_are_answered(web: WebServer) -> None:
    assert web.raw(b"GET /old HTTP/1.0\r\n\r\n").json["PATH_INFO"] == "/old"
    assert web.raw(request("POST", "/half", BODY)).json["body"] == digest(BODY)


@pytest.mark.parametrize("body", [b"", b"x", bytes(LIMIT)], ids=["empty", "one byte", "the limit"])
def test_a_body_of_up_to_the_limit_is_passed_on_either_way(web: WebServer, body: bytes) -> None:
    sized, streamed = web.raw(request("POST", "/", body)).json, web.raw(chunked(*([body] if body else []))).json
    for said in (sized, streamed):
        assert (said["body"], said["CONTENT_LENGTH"]) == (digest(body), str(len(body)))
        assert "HTTP_TRANSFER_ENCODING" not in said


@pytest.mark.parametrize("sent", [request("POST", "/", bytes(LIMIT + 1)), chunked(bytes(LIMIT), b"x")])
def test_a_larger_body_is_not_read_and_the_application_knows_its_length(web: WebServer, sent: bytes) -> None:
    with web.connection() as client:
        client.send(sent)
        answer = client.answer()
        assert (answer.json["body_length"], answer.json["CONTENT_LENGTH"]) == (0, str(LIMIT + 1))
        assert answer.headers["connection"] == "close"
        assert client.ended()


def test_a_client_still_reads_the_answer_to_a_body_that_was_not_read(web: WebServer) -> None:
    """Closed at once, the connection would be reset under it."""
    for _ in range(5):
        response = requests.post(web.url, bytes(20 * LIMIT), timeout=10)
        assert response.json()["body_length"] == 0


def test_chunks_may_have_extensions_and_trailers(web: WebServer) -> None:
    head = request("POST", "/", None, "Transfer-Encoding: Chunked")
    body = b'5;a=b;c="d"\r\nhello\r\n0A ; e\r\n0123456789\r\n000\r\nX-Sum: 1\r\n\r\n'
    with web.connection() as client:
        client.send(*(bytes([byte]) for byte in head + body), request("GET", "/after"))
        assert client.answer().json["body"] == digest(b"hello0123456789")
        assert client.answer().json["PATH_INFO"] == "/after"


def test_a_client_that_waits_for_100_gets_it_once(web: WebServer) -> None:
    for head in (
        request("POST", "/", None, "Expect: 100-continue", "Content-Length: 5"),
        request("POST", "/", None, "expect: 100-Continue", "Transfer-Encoding: chunked"),
    ):
        with web.connection() as client:
            client.send(head)
            assert client.answer().status == 100
            client.send(b"hello" if b"Length" in head else b"5\r\nhello\r\n0\r\n\r\n")
            assert client.answer().json["body"] == digest(b"hello")
            client.send(request("GET", "/next"))
            assert client.answer().status == 200


def test_a_client_that_waits_for_100_with_too_large_a_body_gets_its_answer(web: WebServer) -> None:
    with web.connection() as client:
        client.send(request("POST", "/", None, "Expect: 100-continue", f"Content-Length: {LIMIT + 1}"))
        assert client.answer().status == 200  # the application's own would be 413
        assert client.ended()


def test_an_error_of_the_application_is_a_problem(web: WebServer) -> None:
    assert_problem(web.raw(request("GET", "/?fails=1")), 500)


@pytest.mark.parametrize(
    "field",
    [
        "SCRIPT_NAME: /x",
        "PATH_INFO: /y",
        "REMOTE_USER: me",
        "REMOTE_ADDR: 1.2.3.4",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Protocol: ssl",
        "X-Forwarded-Ssl: on",
        "Forwarded: for=1.2.3.4;proto=https",
        "X_Forwarded_For: 1.2.3.4",
        "Script-Name: /x",
        "Path-Info: /y",
        "Remote-Addr: 1.2.3.4",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
    ],
)
def test_no_header_says_what_was_asked_or_by_whom(web: WebServer, field: str) -> None:
    plain, told = (web.raw(request("GET", "/x/metrics", None, *fields)).json for fields in ([], [field]))
    assert told["PATH_INFO"] == "/x/metrics"
    ours = {name for name in plain if name not in ("REMOTE_PORT", "HTTP_CONNECTION")}
    assert {name: told[name] for name in ours} == {name: plain[name] for name in ours}
    assert all("_" not in name.removeprefix("HTTP_") or "-" in field for name in set(told) - set(plain))


@pytest.mark.parametrize("preface", [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
@pytest.mark.slow
def test_no_preface_is_believed(web: WebServer, preface: bytes) -> None:
    assert_problem(web.raw(preface + request()), 400)


@pytest.mark.slow
def test_bodies_that_are_being_read_when_the_server_stops_are_still_answered(tmp_path: Path) -> None:
    with WebServer(tmp_path) as web, web.connection() as client, web.connection() as stuck:
        sent = request("POST", "/", BODY)
        client.send(sent[:500])
        stuck.send(sent[:500])
        said: list[Any] = []
        stopping = threading.Thread(target=lambda: said.append(_stopped(web)))
        stopping.start()
        time.sleep(0.5)
        client.send(sent[500:])
        answer = client.answer()
        assert (answer.json["body"], answer.headers["connection"]) == (digest(BODY), "close")
        assert stuck.answer().status in (408, 503)
        stopping.join()
        assert said == [0]


def _stopped(web: WebServer) -> int:
    assert web.process is not None
    web.process.send_signal(signal.SIGTERM)
    return web.process.wait(60)
