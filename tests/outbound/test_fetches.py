"""How many fetches a process makes at a time, whose turn it is, and what becomes of those whose turn doesn't come."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack

import pytest
from front_door import eventually
from full_system import no_room_for

from service.errors import TooManyFetches, Unavailable
from service.outbound.fetch import ByteBudget, Fetcher
from service.outbound.fetches import Fetches
from service.outbound.hosts import PICTURES, Hosts
from service.storage.buckets import Buckets


class Slow(Fetcher):
    """A fetcher whose fetches last until they are released; `most` is how many there were at a time."""

    def __init__(self) -> None:
        super().__init__(Hosts(PICTURES, ()), Buckets(()))
        self.released = threading.Event()
        self.begun: list[str] = []
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def fetch(self, url: str, budget: ByteBudget) -> bytes:
        with self._lock:
            self.begun.append(url)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.released.wait(10)
        with self._lock:
            self.under_way -= 1
        return url.encode()


def test_a_tenant_has_two_at_a_time_and_a_process_four() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=10)
    with ExitStack() as stack:
        begun = [
            stack.enter_context(fetches.begun({f"http://{tenant}/{i}": ByteBudget(99) for i in range(6)}, tenant))
            for tenant in ("one", "one", "two", "three")
        ]
        eventually(lambda: len(slow.begun) >= 4, 10, "not so many at a time")
        time.sleep(0.1)
        assert len(slow.begun) == 4
        assert sum(url.startswith("http://one/") for url in slow.begun) == 2
        slow.released.set()
        for files in begun:
            assert {url: future.result(10) for url, future in files.items()} == {url: url.encode() for url in files}
    assert slow.most == 4


def test_whose_turn_does_not_come_is_told_whether_it_is_their_own_doing() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=0.2)
    with ExitStack() as stack:
        for tenant in ("one", "two"):
            stack.enter_context(fetches.begun(dict.fromkeys(["http://a/1", "http://a/2"], ByteBudget(99)), tenant))
        while len(slow.begun) < 4:
            time.sleep(0.01)
        mine = stack.enter_context(fetches.begun({"http://a/3": ByteBudget(99)}, "one"))
        other = stack.enter_context(fetches.begun({"http://a/3": ByteBudget(99)}, "three"))
        with pytest.raises(TooManyFetches) as many:
            mine["http://a/3"].result(5)
        with pytest.raises(Unavailable) as full:
            other["http://a/3"].result(5)
        assert (many.value.status, full.value.status) == (429, 503)
        assert many.value.problem()["limit"] == {"name": "fetches", "value": 2, "used": 2}
        assert many.value.retry_after and full.value.retry_after
        slow.released.set()


def test_what_has_not_begun_when_the_request_ends_never_does() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=5)
    with fetches.begun({f"http://a/{i}": ByteBudget(99) for i in range(9)}, "one"):
        while len(slow.begun) < 2:
            time.sleep(0.01)
    slow.released.set()
    time.sleep(0.2)
    assert len(slow.begun) == 2


def test_what_still_waits_for_its_turn_when_the_request_ends_never_begins() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=5)
    with fetches.begun(dict.fromkeys(["http://a/1", "http://a/2"], ByteBudget(99)), "one"):
        while len(slow.begun) < 2:
            time.sleep(0.01)
        with fetches.begun({"http://a/3": ByteBudget(99)}, "one") as waiting:
            pass
        with pytest.raises(CancelledError):
            waiting["http://a/3"].result(1)
        slow.released.set()
    assert slow.begun == ["http://a/1", "http://a/2"]


def test_without_room_for_a_thread_a_fetch_can_be_tried_again_later() -> None:
    fetches = Fetches(Fetcher(Hosts(PICTURES, ("a",)), Buckets(())))
    urls = {"http://a/1": ByteBudget(99)}
    with no_room_for("fetch"), pytest.raises(Unavailable) as none, fetches.begun(urls, "one"):
        pass
    assert none.value.retry_after
    with no_room_for("_into"), fetches.begun(urls, "one") as files, pytest.raises(Unavailable):
        files["http://a/1"].result(10)


class OneByOne(Fetcher):
    """A fetcher of which one fetch ends with each `end_one`; `begun` has the URLs in the order of their turns."""

    def __init__(self) -> None:
        super().__init__(Hosts(PICTURES, ()), Buckets(()))
        self.begun: list[str] = []
        self._ends = threading.Semaphore(0)

    def fetch(self, url: str, budget: ByteBudget) -> bytes:
        self.begun.append(url)
        self._ends.acquire(timeout=10)
        return url.encode()

    def end_one(self) -> str:
        """Let one fetch end; return the URL that is fetched in its place."""
        before = len(self.begun)
        self._ends.release()
        eventually(lambda: len(self.begun) > before, 10, "no other fetch has begun")
        return self.begun[-1]

    def end_all(self) -> None:
        self._ends.release(1000)


def asked(stack: ExitStack, fetches: Fetches, tenant: str, request: str, pictures: int) -> None:
    """Ask for pictures in a request's name, and wait until its two threads have joined the others."""
    before = len(fetches._turns._waiting) + fetches._turns._under_way.total()
    urls = [f"{tenant}/{request}/{i}" for i in range(pictures)]
    stack.enter_context(fetches.begun(dict.fromkeys(urls, ByteBudget(99)), tenant))
    joined = before + min(2, pictures)
    eventually(
        lambda: len(fetches._turns._waiting) + fetches._turns._under_way.total() == joined, 10, "nobody has joined"
    )


def test_tenants_take_turns_and_so_do_the_requests_of_each() -> None:
    """Requests with many pictures, which gave a place back and took it again, once kept all others out."""
    host = OneByOne()
    fetches = Fetches(host, wait_s=10)
    with ExitStack() as stack:
        for tenant in ("one", "two"):
            asked(stack, fetches, tenant, "many", 64)
        asked(stack, fetches, "one", "single", 1)
        asked(stack, fetches, "three", "many", 64)
        turns = [host.end_one().rpartition("/")[0] for _ in range(12)]
        host.end_all()
    assert turns[0] == "three/many"  # it had no turn yet
    assert all(sum(turn.startswith(tenant) for turn in turns) >= 3 for tenant in ("one", "two", "three"))
    assert "one/single" in [turn for turn in turns if turn.startswith("one/")][:2]
