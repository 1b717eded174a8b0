"""Locks and places that forked processes have together."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.machine.fork_locks import ForkLocks
from service.machine.fork_places import ForkPlaces

FORKED = multiprocessing.get_context("fork")


@contextmanager
def fork(action: Callable[[], object]) -> Iterator[None]:
    """Keep a process that has done something, and kill it at the end."""
    done = FORKED.Event()

    def act_and_wait() -> None:
        action()
        done.set()
        time.sleep(60)

    process = FORKED.Process(target=act_and_wait, daemon=True)
    process.start()
    try:
        assert done.wait(30)
        yield
    finally:
        process.kill()
        process.join(30)


def test_locks_of_others_are_counted_until_they_are_killed() -> None:
    locks = ForkLocks()
    with fork(lambda: [locks.take(number) for number in (9, 10, 11, 14, 20)]):
        assert [locks.take(number) for number in (8, 10, 12, 14)] == [True, False, True, False]
        with fork(lambda: locks.take(13)):
            assert locks.taken_by_others(10, 20) == 4
        assert locks.taken_by_others(10, 20) == 3
        locks.free(12)
    assert locks.taken_by_others(0, 2**62) == 0
    assert locks.take(14)


def test_places_of_a_name_are_taken_by_all_together() -> None:
    places = ForkPlaces()
    with fork(lambda: [places.take("acme", 9) for _ in range(2)]):
        assert [places.take("acme", 3), places.take("acme", 3), places.take("birch", 3)] == [2, 3, 0]
        with fork(lambda: [places.take("acme", 9) for _ in range(2)]):
            places.free("acme")  # one between those of others
            assert places.taken("acme") == 4
            assert places.take("acme", 3) == 4
            assert places.take("acme", 5) == 4
    assert (places.taken("acme"), places.taken("birch")) == (1, 1)
    places.free("acme")
    assert places.taken("acme") == 0
