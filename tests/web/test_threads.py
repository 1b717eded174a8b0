"""A web process goes on where the system has no room for another thread."""

from __future__ import annotations

import threading

import pytest
from full_system import no_room_for

from service.errors import Unavailable
from service.machine.new_threads import Threads


def test_work_waits_for_a_thread_where_no_other_can_be_started() -> None:
    goes_on = threading.Event()
    with Threads(2) as pool:
        first = pool.submit(goes_on.wait, 60)
        with no_room_for():
            second = pool.submit(lambda: "done")
            goes_on.set()
            assert (first.result(60), second.result(60)) == (True, "done")


def test_without_any_thread_that_is_said() -> None:
    with no_room_for(), Threads(2) as pool, pytest.raises(Unavailable):
        pool.submit(print)
