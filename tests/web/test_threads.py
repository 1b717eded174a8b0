"""A web process goes on where the system has no room for another thread."""

from __future__ import annotations

import threading

import pytest

from service.web.worker import Threads


def test_work_waits_for_a_thread_where_no_other_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    with Threads(2) as pool:
        first = pool.submit(goes_on.wait, 60)

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        second = pool.submit(lambda: "done")
        goes_on.set()
        assert (first.result(60), second.result(60)) == (True, "done")


def test_without_any_thread_the_process_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Threads(2) as pool, pytest.raises(RuntimeError):
        pool.submit(print)
