"""How many fetches a process makes at a time, and what becomes of those whose turn doesn't come."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack

import pytest

from service.errors import TooManyFetches, Unavailable
from service.outbound.fetch import Fetcher, Room
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

    def fetch(self, url: str, room: Room) -> bytes:
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
            stack.enter_context(fetches.begun({f"http://{tenant}/{i}": Room(99) for i in range(6)}, tenant))
            for tenant in ("one", "one", "two", "three")
        ]
        time.sleep(0.3)
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
            stack.enter_context(fetches.begun(dict.fromkeys(["http://a/1", "http://a/2"], Room(99)), tenant))
        while len(slow.begun) < 4:
            time.sleep(0.01)
        mine = stack.enter_context(fetches.begun({"http://a/3": Room(99)}, "one"))
        other = stack.enter_context(fetches.begun({"http://a/3": Room(99)}, "three"))
        with pytest.raises(TooManyFetches) as many:
            mine["http://a/3"].result(5)
        with pytest.raises(Unavailable) as full:
            other["http://a/3"].result(5)
        assert (many.value.status, full.value.status) == (429, 503)
        assert many.value.retry_after and full.value.retry_after
        slow.released.set()


def test_what_has_not_begun_when_the_request_ends_never_does() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=5)
    with fetches.begun({f"http://a/{i}": Room(99) for i in range(9)}, "one"):
        while len(slow.begun) < 2:
            time.sleep(0.01)
    slow.released.set()
    time.sleep(0.2)
    assert len(slow.begun) == 2


def test_what_still_waits_for_its_turn_when_the_request_ends_never_begins() -> None:
    slow = Slow()
    fetches = Fetches(slow, wait_s=5)
    with fetches.begun(dict.fromkeys(["http://a/1", "http://a/2"], Room(99)), "one"):
        while len(slow.begun) < 2:
            time.sleep(0.01)
        with fetches.begun({"http://a/3": Room(99)}, "one") as waiting:
            pass
        with pytest.raises(CancelledError):
            waiting["http://a/3"].result(1)
        slow.released.set()
    assert slow.begun == ["http://a/1", "http://a/2"]
