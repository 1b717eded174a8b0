"""Whatever bytes arrive, the answer is a problem and never the server's fault."""

from __future__ import annotations

import random
import re

import pytest
from front_door import RunningService
from web.serving import Answer, Wire, assert_problem, chunked, request

CHUNKED = request("POST", "/v1/transfers", None, "Transfer-Encoding: chunked")
FUZZED = 400
LIMIT = 64 * 2**20  # bytes of a body


@pytest.fixture
def wire(service: RunningService) -> Wire:
    """The service's own application."""
    return Wire(service.port)


def post(*fields: str) -> bytes:
    return request("POST", "/v1/transfers", None, *fields) + b"hello"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /livez\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: a", 400),
        (b"GET /livez HTTP/9.9\r\n\r\n", 400),
        (b"get /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x80 HTTP/1.1\r\n\r\n", 400),
        (request("GET", "/livez", None, "No Colon"), 400),
        (request("GET", "/livez", None, "Space : 1"), 400),
        (request("GET", "/livez", None, " folded"), 400),
        (request("GET", "/livez", None, "Nul: \0"), 400),
        (request("GET", "/livez", None, "Host: another"), 400),
        (request("GET", "/" + 5000 * "a"), 414),
        (b"GET /" + 100_000 * b"a", 414),
        (request("GET", "/livez", None, "Big: " + 9000 * "a"), 431),
        (request("GET", "/livez", None, *(f"Field-{i}: 1" for i in range(200))), 431),
        (request("GET", "/livez", None, *(f"Field-{i}: {'a' * 8000}" for i in range(3))), 431),
        (request("GET", "/livez", None, "Expect: a miracle"), 417),
        (post("Content-Length: -5"), 400),
        (post("Content-Length: +5"), 400),
        (post("Content-Length: 0x5"), 400),
        (post("Content-Length: 5.0"), 400),
        (post("Content-Length: 1_0"), 400),
        (post("Content-Length: \xb2"), 400),
        (post("Content-Length:"), 400),
        (post("Content-Length: 5, 5"), 400),
        (post("Content-Length: 5", "Content-Length: 5"), 400),
        (post("Content-Length: 5", "Content-Length: 6"), 400),
        (post("Content-Length: " + 5000 * "9"), 400),
        (post("Content-Length: 6"), 400),
        (post("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (post("Transfer-Encoding: identity"), 400),
        (post("Transfer-Encoding: chunked, chunked"), 400),
        (post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (post("Transfer-Encoding: gzip, chunked"), 501),
        (post("Transfer-Encoding: xchunked"), 501),
        (b"POST /v1/transfers HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"hello", 400),
        (CHUNKED + b"-1\r\nhello\r\n", 400),
        (CHUNKED + b"0x5\r\nhello\r\n", 400),
        (CHUNKED + b"\r\nhello\r\n", 400),
        (CHUNKED + b"5\nhello\n0\n\n", 400),
        (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5\r\nhello\r\n", 400),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", 400),
        (CHUNKED + b"5;" + 2000 * b"a" + b"\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5;=\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5\r\nhello\r\n0\r\nno colon\r\n\r\n", 400),
        (CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n", 400),
        (CHUNKED + b"0\r\n" + 2000 * b"A: 1\r\n" + b"\r\n", 431),
        (chunked(*[b"x"] * 20_000), 400),
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused_with_a_problem(wire: Wire, sent: bytes, status: int) -> None:
    assert_problem(wire.raw(sent), status)
    assert wire.raw(request("GET", "/livez")).status == 200


@pytest.mark.parametrize("size", [b"FFFFFFFFFFFFFFFFFFFF", b"%x" % (LIMIT + 1)])
def test_a_chunk_over_the_limit_is_413_before_it_comes(wire: Wire, size: bytes) -> None:
    answer = wire.raw(request("POST", "/v1/transfers", None, "Transfer-Encoding: chunked") + size + b"\r\n")
    assert answer.status in (413, 415)
    answer = wire.raw(post("Content-Length: " + 1000 * "9", "Content-Type: application/json"))
    assert answer.status == 413


def test_broken_chunks_are_noticed_whatever_the_application_does_with_the_body(wire: Wire) -> None:
    for path in ("/livez", "/v1/transfers", "/nowhere"):
        head = request("POST", path, None, "Content-Type: application/json", "Transfer-Encoding: chunked")
        assert_problem(wire.raw(head + b'2\r\n{}\r\nzz\r\n{"a": 1}\r\n'), 400)


def mutated(generator: random.Random, whole: bytes) -> bytes:
    """A request with some of its bytes changed, left out, doubled or put elsewhere."""
    data = bytearray(whole)
    for _ in range(generator.randint(1, 4)):
        at, length = generator.randrange(len(data)), generator.randint(1, 12)
        piece = bytes(data[at : at + length])
        change = generator.randrange(5)
        if change == 0:
            data[at : at + length] = generator.randbytes(length)
        elif change == 1:
            del data[at : at + length]
        elif change == 2:
            data[at:at] = piece * generator.randint(1, 300)
        elif change == 3:
            data[at:at] = generator.choice([b"\r\n", b"\n", b"\0", b":", b" ", b"\r\n\r\n", b"\xff", b"-", b"0"])
        else:
            to = generator.randrange(len(data))
            data[to:to] = piece
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.slow
def test_no_mutated_request_is_the_servers_fault(service: RunningService, wire: Wire) -> None:
    generator = random.Random(12)
    before = len(service.log.read_text())
    json = "Content-Type: application/json"
    wholes = [
        request("GET", "/v1/transfers?limit=5", None, "Accept: application/json", "X-Request-ID: a"),
        request("POST", "/v1/transfers", b'{"content": "x", "styles": []}', json, "Prefer: wait=1"),
        chunked(b'{"content": ', b'"x"}', fields=json),
        request("PUT", "/v1/styles/a", b"{}", json, "If-Match: *", "Idempotency-Key: a"),
        request("GET", "/v1/transfers/abc/events", None, "Last-Event-ID: 1"),
    ]
    said = [_answers(wire, mutated(generator, generator.choice(wholes))) for _ in range(FUZZED)]
    assert {answer.status for answers in said for answer in answers} >= {400, 404, 422}
    log = service.log.read_text()[before:]
    assert not re.search(r'"level": "(ERROR|CRITICAL)"|Traceback', log), log[-3000:]


def _answers(wire: Wire, sent: bytes) -> list[Answer]:
    """All answers to some bytes, each checked."""
    answers = []
    with wire.connection() as client:
        client.send(sent)
        client.sock.shutdown(1)
        while (answer := client.answer()).status:
            assert answer.status < 500 or answer.status == 501, (sent, answer)
            if answer.status >= 400 and answer.body:
                assert answer.headers["content-type"] == "application/problem+json", (sent, answer)
            answers.append(answer)
    return answers
