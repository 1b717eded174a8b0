"""Whoever asks /readyz often, without a key, makes no disk busy."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from front_door import RunningService, eventually

from service.api.http.shared_check import NOT_YET, SHARED_S, SLOW_S, SharedCheck
from service.errors import ServiceError, StorageError

CALLERS = 8


class Disk:
    """A disk that can fail, and counts how often it is tried."""

    def __init__(self) -> None:
        self.tries, self.fails, self.clock = 0, False, 0.0
        self.is_free = threading.Event()
        self.is_free.set()

    def check(self) -> None:
        self.tries += 1
        self.is_free.wait(30)
        if self.fails:
            raise StorageError("the disk is away")


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def shared(disk: Disk) -> SharedCheck:
    return SharedCheck(disk.check, lambda: disk.clock, wait_s=30)


def answer(shared: SharedCheck) -> str:
    try:
        shared.check()
    except ServiceError as error:
        return error.detail
    return "fine"


def test_an_outcome_counts_for_a_moment_and_then_the_state_shows(disk: Disk, shared: SharedCheck) -> None:
    found = []
    for fails in (False, True, False):
        disk.fails = fails
        found += [answer(shared) for _ in range(CALLERS)]
        disk.clock += SHARED_S
    assert found == ["fine"] * CALLERS + ["the disk is away"] * CALLERS + ["fine"] * CALLERS
    assert disk.tries == 3


def test_those_who_ask_while_it_is_looked_at_wait_for_that_outcome(disk: Disk, shared: SharedCheck) -> None:
    disk.fails = True
    disk.is_free.clear()
    with ThreadPoolExecutor(CALLERS) as pool:
        asked = [pool.submit(answer, shared) for _ in range(CALLERS)]
        eventually(lambda: disk.tries == 1, 30, "nobody looks")
        disk.is_free.set()
    assert {one.result() for one in asked} == {"the disk is away"}
    assert disk.tries == 1


def test_nobody_waits_for_long_and_the_outcome_before_counts_for_a_while(disk: Disk) -> None:
    shared, found = SharedCheck(disk.check, lambda: disk.clock, wait_s=0), []
    disk.is_free.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(answer, shared)
        eventually(lambda: disk.tries == 1, 30, "nobody looks")
        found.append(answer(shared))
        disk.is_free.set()
        assert first.result() == "fine"
        disk.is_free.clear()
        disk.clock += SHARED_S
        second = pool.submit(answer, shared)
        eventually(lambda: disk.tries == 2, 30, "nobody looks")
        found.append(answer(shared))
        disk.clock += SLOW_S
        found.append(answer(shared))
        disk.is_free.set()
        assert second.result() == "fine"
    assert found == [NOT_YET, "fine", f"a check of the files takes longer than {SLOW_S:g} s"]


def test_many_calls_write_seldom_and_notice_that_nothing_can_be_written(service: RunningService) -> None:
    eventually(service.is_ready, 30, "not ready")
    blobs, seen, begun = service.data / "blobs", set[int](), time.monotonic()
    for _ in range(4 * CALLERS):
        assert service.get("/readyz").status_code == 200
        seen.add(blobs.stat().st_mtime_ns)  # a write makes a folder there, and removes it
    assert len(seen) <= 2 + (time.monotonic() - begun) / SHARED_S
    probes = blobs / "probe"
    probes.write_bytes(b"in the way")
    try:
        eventually(lambda: service.get("/readyz").status_code == 503, 30, "it is not noticed")
    finally:
        probes.unlink()
    eventually(service.is_ready, 30, "it is not ready again")
