"""One thread looks at the rows of all jobs that are watched."""

from __future__ import annotations

import concurrent.futures
import time

import pytest
from api.listening import told, whole
from api.working import CountingQueue
from flask.testing import FlaskClient
from front_door import eventually
from full_system import no_room_for
from jobs.submitting import submit

from service.api.live.streams import BEGINNING, Streams
from service.api.live.watch import Watch
from service.jobs.queue import Queue

LONG_S = 60.0  # of which no test waits more than a moment


@pytest.mark.slow
def test_nobody_looks_while_nobody_watches(queue: CountingQueue, watch: Watch) -> None:
    row = queue.get(submit(queue))
    assert queue.asked == []
    with watch.watching(row), watch.watching(row):
        eventually(lambda: len(queue.asked) > 1, 60, "nobody looks")
    time.sleep(0.2)  # the look that was under way
    looks = len(queue.asked)
    time.sleep(0.5)
    assert len(queue.asked) == looks
    with watch.watching(row):
        eventually(lambda: len(queue.asked) > looks, 60, "nobody looks again")


@pytest.mark.slow
def test_a_database_that_fails_is_said_once_and_waited_for(
    queue: CountingQueue, watch: Watch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.live.watch.RETRY_S", 0.05)
    row = queue.get(submit(queue))

    def looked(times: int) -> None:
        looks = len(queue.asked)
        eventually(lambda: len(queue.asked) > looks + times, 60, "given up")

    with watch.watching(row) as job:
        for outages in (1, 2):
            queue.fails = True
            looked(3)
            said = [record.getMessage() for record in caplog.records]
            assert said == ["the watched jobs could not be read; trying again"] * outages
            queue.fails = False
            looked(2)
        queue.cancel(row.id)
        assert job.newer(row, LONG_S).status == "canceled"


def test_closing_ends_every_stream_at_once_and_lets_none_begin(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    ids = [submit(queue) for _ in range(3)]
    streams = [pool.submit(whole, watch, queue, id) for id in ids]
    eventually(lambda: len(watch._jobs) == 3, 60, "not watched")
    watch.close()
    for stream in streams:
        assert [event.name for event in stream.result(10)] == ["progress"]
    assert [event.name for event in whole(watch, queue, ids[0])] == ["progress"]


def test_what_nobody_watches_any_more_is_forgotten(queue: Queue, watch: Watch) -> None:
    lines = Streams(watch, 1).stream(queue.get(submit(queue)), BEGINNING, None)
    next(lines)
    next(lines)
    assert len(watch._jobs) == 1
    lines.close()  # type: ignore[attr-defined]
    assert watch._jobs == {}


def test_a_stream_for_which_there_is_no_thread_is_refused_and_the_next_one_begins(
    client: FlaskClient, queue: Queue
) -> None:
    id = submit(queue)
    with no_room_for("watch"):
        for _ in range(2):
            refused = client.get(f"/v1/transfers/{id}/events")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5"), refused.text
    queue.cancel(id)
    lines = client.get(f"/v1/transfers/{id}/events").text
    assert [event.name for event in told(lines.split("\n"))][-1] == "done"
