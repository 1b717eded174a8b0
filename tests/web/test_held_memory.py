"""A web process bounds the memory of bodies, and gives it back when it is done with their requests."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from web.reading import Reading
from web.serving import Wire, chunked, request

from bench.refusals import web_process
from service.web.connection import Connection
from service.web.deadlines import Deadlines

BODY = bytes(4 * 2**20)
MB = 10**6
ROOM = 10 * len(BODY)  # bytes for bodies


@pytest.fixture
def reading() -> Iterator[Reading]:
    with Reading(ROOM, Deadlines(patience_s=0.5)) as reading:
        yield reading


@pytest.mark.slow
def test_answered_clients_that_keep_their_connections_hold_nothing() -> None:
    sent = request("POST", "/", bytes(8 * MB), "Connection: close")
    with web_process(max_body_mb=8) as web, ExitStack() as stack:
        before, grown = web.memory(), 0
        for _ in range(24):
            client = stack.enter_context(Wire(web.port).connection())
            client.send(sent)
            assert client.answer().status == 405
            grown = max(grown, web.memory() - before)
        assert grown < 80 * MB


@pytest.mark.parametrize("sent", [request("POST", "/", BODY), chunked(BODY)], ids=["sized", "chunked"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "half"])
@pytest.mark.parametrize("how", ["end", "close"])
@pytest.mark.slow
def test_the_memory_of_a_body_goes_with_its_request(reading: Reading, sent: bytes, whole: bool, how: str) -> None:
    """Without a run of the garbage collector, which may be a long time off."""
    sent = sent if whole else sent[: -len(BODY) // 2]
    connection = reading.connect()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        reading.receive(connection, sent)
        assert tracemalloc.get_traced_memory()[0] > len(BODY) // 3
        getattr(reading.connections, how)(connection)
        assert tracemalloc.get_traced_memory()[0] < len(BODY) // 8
    finally:
        tracemalloc.stop()
        gc.enable()
    assert reading.connections.memory == ROOM


def paused(reading: Reading, count: int) -> list[Connection]:
    """Connections whose bodies wait for memory, of which there is none."""
    connections = [reading.connect() for _ in range(count)]
    for connection in connections:
        reading.receive(connection, request("POST", "/", b"x" * 1000)[:-900])
    reading.connections.memory = 0
    for connection in connections:
        reading.receive(connection, b"x" * 100)
        assert not connection.watched
    return connections


def test_a_little_free_memory_wakes_no_more_bodies_than_it_is_for(reading: Reading) -> None:
    connections = paused(reading, 3)
    reading.connections.memory = 1
    reading.reader.resume()
    assert [connection.watched for connection in connections] == [True, False, False]


def test_a_body_waits_no_longer_for_memory_where_there_is_a_little_at_times(reading: Reading) -> None:
    (connection,) = paused(reading, 1)
    end = time.monotonic() + 60
    while not reading.refused and time.monotonic() < end:
        reading.connections.memory = 1
        reading.reader.check_deadlines()
        reading.reader.read(connection)
        reading.reader.read(connection)
        time.sleep(0.05)
    assert reading.refused == [connection]


def test_a_body_that_waited_for_memory_is_read_to_its_end(reading: Reading) -> None:
    (connection,) = paused(reading, 1)
    reading.connections.memory = ROOM
    reading.reader.resume()
    reading.receive(connection, b"x" * 800)
    assert connection.incoming.length == 1000


def test_the_tenant_whose_bodies_hold_most_makes_room(reading: Reading) -> None:
    small, *large = paused(reading, 3)  # the small one has been read for longest
    for connection in large:
        connection.tenant = "acme"
    for connection in (small, *large):
        connection.body_since = time.monotonic() - 60 + (connection is not small) + (connection is large[-1])
    reading.reader.check_deadlines()
    assert reading.refused == [large[0]]
