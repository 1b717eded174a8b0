"""Places for requests with a body: tenants take turns, and one that floods leaves some to others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from web.reading import Reading
from web.serving import WebServer, request

from service.storage.schema import DEFAULT_TENANT
from service.web.body_places import BodyPlaces
from service.web.connection import Connection, State

BODY = b"x" * 100


@pytest.fixture
def reading() -> Iterator[Reading]:
    with Reading(10 * len(BODY)) as reading:
        yield reading


def ready(reading: Reading, places: BodyPlaces, tenant: str, count: int) -> list[Connection]:
    """Connections of a tenant whose requests are whole, and wait for a place."""
    connections = [reading.connect() for _ in range(count)]
    for connection in connections:
        connection.enter(State.READY)
        places.wait(connection, tenant)
    return connections


def taken(places: BodyPlaces) -> list[Connection]:
    found = []
    while connection := places.take():
        connection.enter(State.WORKING)
        found.append(connection)
    return found


@pytest.mark.parametrize(("places", "most"), [(2, 1), (3, 2), (4, 3), (16, 11)])
def test_a_tenant_alone_leaves_some_and_the_default_one_may_have_all(
    reading: Reading, places: int, most: int
) -> None:
    one, other = BodyPlaces(places), BodyPlaces(places)
    ready(reading, one, "acme", 20)
    assert len(taken(one)) == most
    ready(reading, other, DEFAULT_TENANT, 20)
    assert len(taken(other)) == places
    assert (one.are_all_taken, other.are_all_taken) == (False, True)


def test_three_tenants_that_flood_leave_a_place_to_a_fourth(reading: Reading) -> None:
    places = BodyPlaces(16)
    for tenant in ("acme", "birch", "cedar"):
        ready(reading, places, tenant, 9)
        assert taken(places)
    (late,) = ready(reading, places, "dogwood", 1)
    assert taken(places) == [late]


def test_tenants_take_turns_and_who_gave_up_has_none(reading: Reading) -> None:
    places = BodyPlaces(1)
    (working,) = ready(reading, places, DEFAULT_TENANT, 1)
    assert taken(places) == [working]
    first, gone, third = ready(reading, places, "acme", 3)
    (other,) = ready(reading, places, "birch", 1)
    gone.enter(State.CLOSING)
    order = [working]
    for connection in order:
        places.free(connection)
        places.free(connection)  # it has none any more
        order += taken(places)
    assert order == [working, first, other, third]


def test_who_waits_for_a_place_tells_nothing_of_memory(reading: Reading) -> None:
    reading.connect().enter(State.READY, 0.0)
    assert reading.reader.longest_wait(for_places=True) > 0
    assert reading.reader.longest_wait(for_places=False) == 0


@pytest.mark.slow
def test_a_request_is_answered_while_another_tenant_holds_all_that_it_may(web: WebServer) -> None:
    """Of two places acme has one until birch's request is there."""

    def status(tenant: str, query: str) -> int:
        return web.raw(request("POST", f"/?{query}", BODY, f"X-Tenant: {tenant}")).status

    with ThreadPoolExecutor(3) as pool:
        flood = [pool.submit(status, "acme", "waits_for=birch") for _ in range(3)]
        time.sleep(0.3)
        assert status("birch", "releases=birch") == 200
        assert 200 in [answer.result() for answer in flood]
