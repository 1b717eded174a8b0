"""Clients that vanish, never stop sending, or send all before they read."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from front_door import RunningService, eventually
from web.reading import Reading
from web.serving import LIMIT, WebServer, Wire, assert_problem, request

from bench.refusals import WebProcess, web_process
from service.web.connection import Connection, State
from service.web.deadlines import Deadlines
from service.web.refusals import Refusal

LARGE = request("POST", "/", None, f"Content-Length: {100 * LIMIT}")
KEEPALIVE_TIMER = 2  # as in /proc/net/tcp


def test_a_body_that_comes_fast_enough_has_its_limit_of_time_too() -> None:
    with Reading(10**9, Deadlines(pause_s=10, body_s=0.3)) as reading:
        connection = reading.connect()
        reading.receive(connection, request("POST", "/", None, f"Content-Length: {LIMIT}"))
        end = time.monotonic() + 60
        while not reading.refused and time.monotonic() < end:
            reading.receive(connection, bytes(4096))
            reading.reader.check_deadlines()
            time.sleep(0.02)
    assert reading.refused == [connection]
    (reason,) = reading.reasons
    assert isinstance(reason, Refusal)
    assert reason.status == 408
    assert "NST_BODY_S" in reason.detail


def test_idle_connections_are_closed_before_others_where_there_are_too_many() -> None:
    with Reading(10**9) as reading:
        idle = reading.connect()
        idle.enter(State.IDLE, 75)
        others = [_at(reading, State.HEAD, 10), _at(reading, State.IDLE, 75)]
        idle.since -= 20
        assert reading.connections.evict() == 1
        assert [c.state for c in (idle, *others)] == [State.CLOSED, State.HEAD, State.IDLE]


def _at(reading: Reading, state: State, seconds: float) -> Connection:
    connection = reading.connect()
    connection.enter(state, seconds)
    return connection


def test_a_connection_is_kept_longer_than_balancers_keep_theirs(service: RunningService) -> None:
    """The tests' other servers close it sooner."""
    command = next(Path(f"/proc/{process}/cmdline").read_bytes() for process in service.children("gunicorn"))
    words = command.decode().split("\0")
    assert int(words[words.index("--keep-alive") + 1]) > 60


@pytest.mark.slow
def test_an_idle_connection_is_kept_for_as_long_as_it_is_set(web: WebServer) -> None:
    with web.connection() as kept, web.connection() as dropped:
        for client in (kept, dropped):
            client.send(request())
            assert client.answer().status == 200
        time.sleep(2)
        kept.send(request("GET", "/next"))
        assert kept.answer().json["PATH_INFO"] == "/next"
        assert dropped.ended()


def test_the_system_asks_silent_clients_whether_they_are_there(web: WebServer) -> None:
    with web.connection() as client:
        client.send(request())
        client.answer()
        port = client.sock.getsockname()[1]
        eventually(lambda: _timer(web.port, port) == KEEPALIVE_TIMER, 60, "no timer runs")


def _timer(server: int, client: int) -> int:
    """Return the kind of the timer that runs on the server's end of a connection; -1 if there is none such."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if [int(address.split(":")[1], 16) for address in fields[1:3]] == [server, client]:
            return int(fields[5].split(":")[0])
    return -1


@pytest.mark.slow
def test_a_client_that_sends_for_long_before_it_reads_gets_its_refusal(web: WebServer) -> None:
    """Longer than a client may be silent after its last response; then it is silent, and the connection ends."""
    for sent, status in (
        (LARGE, 200),
        (request("POST", "/", None, "Transfer-Encoding: zip", "Content-Length: 9"), 501),
    ):
        with web.connection() as client:
            client.send(sent, *[bytes(50_000)] * 25, pause=0.1)
            assert client.answer().status == status
            assert client.ended()


@pytest.mark.slow
def test_a_client_that_never_stops_sending_is_cut(web: WebServer) -> None:
    with web.connection() as client, pytest.raises(ConnectionError):
        client.send(LARGE, *[bytes(1000)] * 100, pause=0.1)


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_urllib_sees_why_its_body_is_refused(web: WebServer, chunked: bool) -> None:
    """It sends all of a body before it reads."""
    body = bytes(20 * LIMIT)
    for _ in range(5):
        data = iter([body]) if chunked else body
        headers = {"Transfer-Encoding": "chunked"} if chunked else {}
        asked = urllib.request.Request(web.url, data, headers)  # noqa: S310 - a server of ours
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310
            assert int(json.load(response)["CONTENT_LENGTH"]) > LIMIT


@pytest.mark.slow
def test_where_stalled_uploads_take_all_memory_readyz_says_so_until_they_are_given_up() -> None:
    with web_process(max_body_mb=0.1, web_threads=2) as web, ExitStack() as stack:
        wire = Wire(web.port)
        assert not _says_full(web)
        for _ in range(2):
            stalled = stack.enter_context(wire.connection())
            stalled.send(request("POST", "/v1/transfers", None, "Content-Length: 104857", "Expect: 100-continue"))
            assert stalled.answer().status == 100, "else the request below might be read before it"
            stalled.send(bytes(104_000))
        waiting = stack.enter_context(wire.connection())
        waiting.send(request("POST", "/v1/transfers", b"{}" + bytes(50_000), "Content-Type: application/json"))
        eventually(lambda: _says_full(web), 60, "it counts as ready")
        assert web.ask("GET", "/livez")[0] == 200
        assert waiting.answer().status == 400, "not refused: the stalled ones were given up"
        assert_problem(stalled.answer(), 408)
        eventually(lambda: not _says_full(web), 60, "it still counts as full")


def _says_full(web: WebProcess) -> bool:
    status, body = web.ask("GET", "/readyz")
    return status == 503 and "no room for requests with a body" in json.loads(body)["detail"]
