"""Limits of tenants on requests and streams, which all web processes of a server count together."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from front_door import RunningService, eventually
from tenants.limiting import (
    ADMIN,
    cancel_all,
    change,
    refusals,
    refused,
    running,
    tenant,
)
from tenants.people import Person

pytestmark = pytest.mark.slow


def test_requests_a_second_are_limited_and_others_are_not(root: Person) -> None:
    one, other = tenant(root, "asks", requests=0.5, burst=5), tenant(root, "asks-not")
    begun = time.monotonic()
    answers = [one.get("/v1/styles") for _ in range(30)]
    seconds = time.monotonic() - begun
    taken = [answer for answer in answers if answer.status_code == 200]
    assert 5 <= len(taken) <= 5 + 0.5 * seconds
    late = next(answer for answer in reversed(answers) if answer.status_code != 200)
    assert refused(late, "requests")["value"] == 0.5
    assert late.headers["RateLimit-Policy"] == '"requests";q=5;w=10'
    assert 1 <= int(late.headers["Retry-After"]) <= 2
    assert late.headers["RateLimit"] == f'"requests";r=0;t={late.headers["Retry-After"]}'
    assert all(other.get("/v1/styles").status_code == 200 for _ in range(30))
    time.sleep(2.1)
    assert one.get("/v1/usage").status_code == 200


def test_many_requests_at_once_do_not_pass_a_burst(root: Person) -> None:
    one = tenant(root, "asks-at-once", requests=0.01, burst=20)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: one.get("/v1/styles"), range(60)))  # each on a connection of its own
    assert sorted(answer.status_code for answer in answers) == 20 * [200] + 40 * [429]


def test_requests_beyond_a_key_s_scopes_count_too(root: Person) -> None:
    one = tenant(root, "asks-for-more", requests=1000, burst=1000)
    reader = one.with_key(["read"])
    change(root, "asks-for-more", requests=0.1, burst=3)
    answers: list[requests.Response] = []

    def is_limited() -> bool:
        answers.append(reader.post("/v1/transfers", {}))
        return answers[-1].status_code == 429

    eventually(is_limited, 30, "no request is refused")
    assert answers[0].status_code == 403
    assert '"requests";r=' in answers[0].headers["RateLimit"]
    refused(answers[-1], "requests")


def test_streams_can_be_so_many(root: Person, small: bytes) -> None:
    one = tenant(root, "watches")
    id = running(one, small)
    with watched(one, id) as first, watched(one, id) as second:  # they count, although there is no limit yet
        assert (first.status_code, second.status_code) == (200, 200)
        change(root, "watches", streams=2)
        one = root.with_key(ADMIN, tenant="watches")  # who knows it knows the limit too
        for _ in range(12):  # each web process answers some
            with watched(one, id) as late:
                assert refused(late, "streams") == {"name": "streams", "value": 2, "used": 2}
                assert late.headers["Retry-After"] == "5"
    eventually(lambda: watched_anew(one, id), 30, "no place is free again")
    cancel_all(one)


def test_the_streams_of_a_killed_web_process_do_not_count(root: Person, house: RunningService, small: bytes) -> None:
    one = tenant(root, "watches-on", streams=2)
    id = running(one, small)
    with watched(one, id) as first, watched(one, id) as second:
        assert (first.status_code, second.status_code) == (200, 200)
        for process in house.children("gunicorn")[1:]:  # the first one has started the others
            os.kill(process, signal.SIGKILL)
        eventually(lambda: watched_anew(one, id), 30, "they count still")
    cancel_all(one)


def watched(person: Person, id: str) -> requests.Response:
    """Ask for a stream, on a connection of its own."""
    url = f"{person.service.url}/v1/transfers/{id}/events"
    return requests.get(url, headers={"X-API-Key": person.key}, stream=True, timeout=60)


def watched_anew(person: Person, id: str) -> bool:
    """Return whether there is a place for a stream, and no web process is just being started."""
    try:
        with watched(person, id) as stream:
            return stream.status_code == 200
    except requests.ConnectionError:
        return False


def test_refusals_of_requests_and_streams_are_counted(house: RunningService) -> None:
    counts = refusals(house)
    assert counts["requests"] > 0
    assert counts["streams"] > 0


def test_a_burst_counts_once_there_is_a_rate(root: Person) -> None:
    one = tenant(root, "bursts", burst=5)
    assert "RateLimit" not in one.get("/v1/styles").headers
    change(root, "bursts", requests=0.1)

    def policy() -> str | None:
        return one.get("/v1/styles").headers.get("RateLimit-Policy")

    eventually(lambda: policy() == '"requests";q=5;w=50', 30, "the burst doesn't count")
    change(root, "bursts", requests=1.5, burst=None, daily_cost=0.5)
    eventually(lambda: policy() == '"requests";q=2;w=2', 30, "the rate doesn't count")

    def of_posts() -> str:
        return one.post("/v1/transfers", {}).headers["RateLimit-Policy"]

    eventually(lambda: '"daily_cost";q=1;' in of_posts(), 30, "the cost doesn't count")
    kept = change(root, "bursts", requests=None, burst=5)
    assert (kept["limits"]["burst"], kept["limits_in_force"]["requests"]) == (5, None)
