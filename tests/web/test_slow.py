"""Clients that are slow, silent or many take nothing from the others."""

from __future__ import annotations

import contextlib
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from broker.parts import web_alone
from front_door import b64, eventually, png
from slow_clients import SlowClients
from web.serving import LIMIT, THREADS, Client, WebServer, assert_problem, request

from service.web.connections import SPARE_DESCRIPTORS

SLOW_BODY = "Content-Length: 100000"
PICTURE = b64(png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)))


@pytest.mark.slow
def test_a_head_that_takes_too_long_is_408(web: WebServer) -> None:
    with web.connection() as dribbling, web.connection() as stuck, web.connection() as silent:
        stuck.send(b"GET / HTTP/1.1\r\nHost: a")
        dribbling.send(b"GET / HTTP/1.1\r\nX: ", *[b"a"] * 12, pause=0.1)
        for client in (dribbling, stuck):
            assert_problem(client.answer(), 408)
            assert client.ended()
        assert silent.ended(), "who says nothing is told nothing"


@pytest.mark.slow
def test_a_head_on_a_kept_connection_has_its_own_time(web: WebServer) -> None:
    with web.connection() as client:
        client.send(request())
        assert client.answer().status == 200
        time.sleep(1.2)
        client.send(*(bytes([byte]) for byte in request()), pause=0.005)
        assert client.answer().status == 200
        client.send(b"GET /")
        assert_problem(client.answer(), 408)


@pytest.mark.parametrize(
    ("field", "piece"), [(SLOW_BODY, b"x"), ("Transfer-Encoding: chunked", b"1\r\nx\r\n")], ids=["sized", "chunked"]
)
@pytest.mark.slow
def test_a_body_that_comes_too_slowly_is_408(web: WebServer, field: str, piece: bytes) -> None:
    with web.connection() as client:
        client.send(request("POST", "/", None, field), *[piece] * 12, pause=0.1)
        answer = client.answer()
        assert_problem(answer, 408)
        assert "4096 bytes a second" in answer.json["detail"]


@pytest.mark.slow
def test_a_body_that_first_comes_fast_may_not_stand_still_either(web: WebServer) -> None:
    with web.connection() as client:
        client.send(request("POST", "/", None, f"Content-Length: {LIMIT}") + bytes(LIMIT - 1))
        assert_problem(client.answer(), 408)  # what was sent would be enough for four minutes


@pytest.mark.slow
def test_a_body_that_is_slow_but_fast_enough_is_taken(web: WebServer) -> None:
    pieces = [bytes(2000)] * 12
    with web.connection() as client:
        client.send(request("POST", "/", None, "Content-Length: 24000"), *pieces, pause=0.25)
        assert client.answer().json["body_length"] == 24_000


@pytest.mark.slow
def test_bodies_wait_for_a_place_but_not_for_ever_and_others_pass_them(web: WebServer) -> None:
    slow = request("POST", "/?seconds=4", b"x")
    with web.connection() as one, web.connection() as two, web.connection() as three:
        for client in (one, two, three):
            client.send(slow)
        assert web.raw(request("GET", "/meanwhile")).status == 200
        taken, also_taken, refused = sorted((client.answer() for client in (one, two, three)), key=lambda a: a.status)
        assert (taken.status, also_taken.status) == (200, 200)
        assert_problem(refused, 503)
        assert int(refused.headers["retry-after"]) > 0
    assert web.raw(slow).status == 200, "their places are free again"


@pytest.mark.slow
def test_where_memory_is_full_the_oldest_unfinished_body_makes_room(web: WebServer) -> None:
    """The server has room for two bodies; those of the test come fast enough to go on for ever."""
    head = request("POST", "/", None, f"Content-Length: {LIMIT}")
    with contextlib.ExitStack() as stack:
        hogs = [stack.enter_context(web.connection()) for _ in range(3)]
        for hog in hogs:
            hog.send(head + bytes(LIMIT - 100_000))
        for _ in range(4):
            time.sleep(0.4)
            for hog in hogs:
                with contextlib.suppress(OSError):
                    hog.send(bytes(4000))
        assert web.raw(request("POST", "/", b"x" * 1000)).json["body_length"] == 1000
        assert any(hog.answer().status == 503 for hog in hogs)


@pytest.mark.slow
def test_responses_that_nobody_reads_leave_threads_to_others(web: WebServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(web.connection()).send(request("GET", "/?megabytes=30"))
        time.sleep(0.5)
        for _ in range(3):
            assert web.raw(request("GET", "/")).status == 200


@pytest.mark.slow
def test_a_response_that_is_read_slowly_arrives(web: WebServer) -> None:
    with web.connection() as client:
        client.send(request("GET", "/?megabytes=20"))
        time.sleep(1.5)
        assert len(client.answer().body) > 20 * 2**20


@pytest.mark.slow
def test_new_clients_are_served_however_many_connections_there_are(tmp_path: Path) -> None:
    with WebServer(tmp_path, 250) as web, contextlib.ExitStack() as stack:
        clients: list[Client] = []
        for i in range(400):
            clients.append(stack.enter_context(web.connection()))
            if i % 2:
                clients[-1].send(b"GET / HTTP/1.1\r\nHost: ")
            if i % 50 == 0:
                assert web.raw(request()).status == 200
        assert "to make place" in web.log.read_text()
        assert "Too many open files" not in web.log.read_text()


@pytest.mark.slow
def test_where_all_connections_have_whole_requests_new_ones_wait(tmp_path: Path) -> None:
    descriptors = SPARE_DESCRIPTORS + THREADS + 3
    with WebServer(tmp_path, descriptors) as web, contextlib.ExitStack() as stack:
        time.sleep(0.3)  # for the end of the connection that found it ready
        clients: list[Client] = []
        for pause in (0, 0, 0.5, 0, 0, 0):
            clients.append(stack.enter_context(web.connection()))
            clients[-1].send(request("GET", "/?seconds=1.5", None, "Connection: close"), pause=pause)
        assert [client.answer().status for client in clients] == [200] * 6


@pytest.mark.slow
def test_without_descriptors_the_server_waits_for_some(tmp_path: Path) -> None:
    with WebServer(tmp_path) as web, contextlib.ExitStack() as stack:
        pid = int(web.raw(request()).json["pid"])
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        clients = [stack.enter_context(web.connection()) for _ in range(3)]
        for client in clients:
            client.send(request())
        time.sleep(1.5)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert [client.answer().status for client in clients] == [200] * 3
        assert 1 <= web.log.read_text().count("could not be accepted") < 20


@pytest.mark.slow
def test_the_service_answers_while_slow_clients_hold_all_the_connections_they_can(
    narrow_model: Path, tmp_path: Path
) -> None:
    """`python -m bench.slow_clients` measures it."""
    body = {"content": PICTURE, "styles": [{"image": PICTURE}], "size": 64, "iterations": 1}
    with web_alone(narrow_model, tmp_path) as service, SlowClients(service.port, 400) as clients:
        assert clients.connected > 300
        for _ in range(5):
            assert service.get("/livez").status_code == 200
            assert service.post(body).status_code == 202
            time.sleep(1)
        eventually(lambda: clients.connected > 300, 60, "they did not come back")
