"""Streams, watches and waits over a database whose jobs the test itself carries out."""

from __future__ import annotations

import concurrent.futures
import socket
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from api.listening import Told, told
from flask import Flask
from flask.testing import FlaskClient
from front_door import eventually
from jobs.submitting import claimed, submit
from werkzeug.test import TestResponse

from service.api.parts import KEY, Parts
from service.api.streams import BEGINNING, Streams, events_after, resumed_at
from service.api.waiting import BodyPlaces, Waiting
from service.api.watching import Watch
from service.app import create_app
from service.config import Settings
from service.errors import DatabaseError, TransferFailed, Unavailable
from service.jobs.leases import Leases
from service.jobs.limits import Limits
from service.jobs.queue import Queue
from service.storage.database import Database

PREVIEW = {"blob": "jobs/x/preview", "iteration": 3, "width": 64, "height": 48}
RESULT = {"blob": "jobs/x/result", "width": 64, "height": 48, "iterations": 10}
LONG_S = 60.0  # of which no test waits more than a moment


class CountingQueue(Queue):
    """Notes what is asked of it, and fails when told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Limits())
        self.asked: list[set[str]] = []
        self.fails = False

    def event_counts(self, ids: Collection[str]) -> dict[str, int]:
        self.asked.append(set(ids))
        if self.fails:
            raise DatabaseError("the database failed: for the test")
        return super().event_counts(ids)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(Settings(data=tmp_path).database)
    yield database
    database.close()


@pytest.fixture
def queue(database: Database) -> CountingQueue:
    return CountingQueue(database)


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database, lease_s=60)


@pytest.fixture
def watch(queue: CountingQueue) -> Iterator[Watch]:
    watch = Watch(queue)
    yield watch
    watch.close()


@pytest.fixture
def pool(watch: Watch) -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    """Threads of clients; none outlives its test, because the watch ends first."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield pool
        watch.close()


@pytest.fixture
def app(tmp_path: Path, database: Database) -> Iterator[Flask]:
    app = create_app(Settings(data=tmp_path, streams=2))
    yield app
    parts: Parts = app.extensions[KEY]
    parts.watch.close()
    parts.database.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def whole(watch: Watch, queue: Queue, id: str, after: int = BEGINNING) -> list[Told]:
    """All of a stream, to its end."""
    return list(told("".join(Streams(watch, 1).stream(queue.get(id), after, None)).split("\n")))


def work_until_the_end(leases: Leases, steps: int) -> None:
    """Carries out the next job, with a preview at every second step."""
    claim = claimed(leases)
    for i in range(steps):
        leases.report(claim, progress={"iteration": i, "fraction": i / steps}, preview=PREVIEW if i % 2 else None)
    leases.succeed(claim, RESULT, {}, "miss")


# What is told


def test_a_waiting_job_has_progress_alone_and_its_number_is_0(queue: Queue) -> None:
    (event,) = events_after(queue.get(submit(queue)), BEGINNING)
    assert (event.number, event.name, event.data["status"], event.data["iteration"]) == (0, "progress", "queued", 0)


def test_events_come_in_the_order_of_their_numbers_and_those_known_are_left_out(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    claim = claimed(leases)
    leases.report(claim, preview=PREVIEW)
    leases.report(claim, progress={"iteration": 4})
    names = ["preview", "progress"]
    row = queue.get(id)
    first, second = events_after(row, BEGINNING)
    assert [first.name, second.name] == names
    assert first.number < second.number == row.events
    assert events_after(row, first.number) == [second]
    assert events_after(row, second.number) == []


def test_the_end_is_the_last_event_and_has_the_whole_job(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    claim = claimed(leases)
    leases.report(claim, progress={"iteration": 9}, preview=PREVIEW)
    leases.fail(claim, TransferFailed("for the test"))
    row = queue.get(id)
    events = events_after(row, BEGINNING)
    assert [event.name for event in events] == ["progress", "preview", "done"]
    assert events[-1].number == row.events
    assert events[-1].data["status"] == "failed"
    assert events[-1].data["id"] == id
    assert events[-1].data["error"]["detail"] == "for the test"


def test_a_preview_event_says_where_the_preview_is(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    leases.report(claimed(leases), preview=PREVIEW)
    event = events_after(queue.get(id), BEGINNING)[-1]
    url = f"/v1/transfers/{id}/preview?event={event.number}"
    assert event.data == {"url": url, "iteration": 3, "width": 64, "height": 48}


@pytest.mark.parametrize("header", ["", "-1", "+1", "1.0", "two", "2", "9" * 8000, "\u0661", "\u00b9"])
def test_a_last_event_id_that_is_none_of_this_job_means_its_beginning(
    queue: Queue, leases: Leases, header: str
) -> None:
    id = submit(queue)
    claimed(leases)
    row = queue.get(id)
    assert (resumed_at("0", row), resumed_at("1", row)) == (0, row.events)
    assert resumed_at(header, row) == BEGINNING


# Streams


def test_a_stream_tells_of_every_step_that_it_is_read_fast_enough_for(
    queue: Queue, leases: Leases, watch: Watch
) -> None:
    id = submit(queue)
    lines = Streams(watch, 1).stream(queue.get(id), BEGINNING, None)
    assert next(lines) == "retry: 2000\n\n"
    events = told(line for block in lines for line in block.split("\n"))
    assert next(events).data["status"] == "queued"
    claim = claimed(leases)
    assert next(events).data["status"] == "running"
    for i in (1, 2, 3):
        leases.report(claim, progress={"iteration": i})
        assert next(events).data["iteration"] == i
    leases.report(claim, preview=PREVIEW)
    assert next(events).name == "preview"
    queue.cancel(id)
    leases.end_canceled(claim)
    last = next(events)
    assert (last.name, last.data["status"]) == ("done", "canceled")
    assert next(events, None) is None


def test_a_slow_client_misses_states_between_but_never_the_newest(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    id = submit(queue)
    lines = Streams(watch, 1).stream(queue.get(id), BEGINNING, None)
    worker = pool.submit(work_until_the_end, leases, 100)
    heard: list[Told] = []
    for event in told(line for block in lines for line in block.split("\n")):
        heard.append(event)
        time.sleep(0.05)
    worker.result()
    row = queue.get(id)
    numbers = [event.number for event in heard]
    assert numbers == sorted(set(numbers))
    assert len(heard) < row.events
    newest = {event.name: event.number for event in heard}
    assert row.progress is not None
    assert row.preview is not None
    assert newest == {"progress": row.progress["event"], "preview": row.preview["event"], "done": row.events}


def test_whoever_comes_back_hears_only_what_is_new(queue: Queue, leases: Leases, watch: Watch) -> None:
    id = submit(queue)
    work_until_the_end(leases, 4)
    everything = whole(watch, queue, id)
    assert [event.name for event in everything] == ["progress", "preview", "done"]
    for i, event in enumerate(everything):
        assert whole(watch, queue, id, event.number) == everything[i + 1 :]


def test_many_watchers_of_many_jobs_all_hear_the_end(
    queue: CountingQueue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    ids = [submit(queue) for _ in range(4)]
    streams = [pool.submit(whole, watch, queue, id) for id in ids * 2]
    eventually(lambda: queue.asked and queue.asked[-1] == set(ids), 10, "not all in one query")
    for _ in ids:
        work_until_the_end(leases, 3)
    for id, stream in zip(ids * 2, streams, strict=True):
        last = stream.result(10)[-1]
        assert (last.name, last.data["id"]) == ("done", id)


def test_a_silent_stream_says_that_it_is_still_there(queue: Queue, watch: Watch) -> None:
    lines = Streams(watch, 1, heartbeat_s=0.05).stream(queue.get(submit(queue)), BEGINNING, None)
    assert next(lines).startswith("retry:")
    assert next(lines).startswith("id: 0\n")
    assert [next(lines) for _ in range(3)] == [": still there\n\n"] * 3
    lines.close()  # type: ignore[attr-defined]


def test_a_stream_whose_client_is_gone_ends_at_the_next_heartbeat(queue: Queue, watch: Watch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        lines = Streams(watch, 1, heartbeat_s=0.05).stream(queue.get(submit(queue)), BEGINNING, ours)
        assert [next(lines)[:3] for _ in range(3)] == ["ret", "id:", ": s"]
        theirs.send(b"GET")  # the next request, which waits its turn, is no farewell
        assert next(lines).startswith(":")
        assert ours.recv(100) == b"GET"
        theirs.close()
        assert next(lines, None) is None


def test_the_stream_of_a_job_that_is_deleted_ends_without_done(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    id = submit(queue)
    lines = Streams(watch, 1).stream(queue.get(id), BEGINNING, None)
    assert [next(lines)[:3] for _ in range(2)] == ["ret", "id:"]
    queue.delete(id)
    assert list(lines) == [": the transfer was deleted\n\n"]


# The watch


def test_nobody_looks_while_nobody_watches(queue: CountingQueue, watch: Watch) -> None:
    row = queue.get(submit(queue))
    assert queue.asked == []
    with watch.watching(row), watch.watching(row):
        eventually(lambda: len(queue.asked) > 1, 10, "nobody looks")
    time.sleep(0.2)  # the look that was under way
    looks = len(queue.asked)
    time.sleep(0.5)
    assert len(queue.asked) == looks
    with watch.watching(row):
        eventually(lambda: len(queue.asked) > looks, 10, "nobody looks again")


def test_a_database_that_fails_is_said_once_and_waited_for(
    queue: CountingQueue, watch: Watch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.watching.RETRY_S", 0.05)
    row = queue.get(submit(queue))

    def looked(times: int) -> None:
        looks = len(queue.asked)
        eventually(lambda: len(queue.asked) > looks + times, 10, "given up")

    with watch.watching(row) as job:
        for outages in (1, 2):
            queue.fails = True
            looked(3)
            said = [record.getMessage() for record in caplog.records]
            assert said == ["the jobs that are watched could not be read; trying again"] * outages
            queue.fails = False
            looked(2)
        queue.cancel(row.id)
        assert job.newer(row, LONG_S).status == "canceled"


def test_closing_ends_every_stream_at_once_and_lets_none_begin(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    ids = [submit(queue) for _ in range(3)]
    streams = [pool.submit(whole, watch, queue, id) for id in ids]
    eventually(lambda: len(watch._jobs) == 3, 10, "not watched")
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


# Places


def test_there_are_so_many_places_and_each_can_be_had_again(watch: Watch) -> None:
    streams = Streams(watch, 2)
    streams.take_place()
    streams.take_place()
    with pytest.raises(Unavailable):
        streams.take_place()
    streams.free_place()
    streams.take_place()


def test_a_stream_too_many_is_503_with_a_time_and_leaving_makes_room(client: FlaskClient, queue: Queue) -> None:
    url = f"/v1/transfers/{submit(queue)}/events"
    first, second = client.get(url), client.get(url)
    refused = client.get(url)
    assert refused.status_code == 503
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert int(refused.headers["Retry-After"]) > 0
    first.close()
    third = client.get(url)
    assert third.status_code == 200
    for response in (second, third):
        response.close()


def test_head_tells_the_headers_and_keeps_no_place(client: FlaskClient, queue: Queue) -> None:
    for _ in range(5):
        response = client.head(f"/v1/transfers/{submit(queue)}/events")
        assert response.status_code == 200
        assert response.data == b""
        assert response.mimetype == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        response.close()


def test_an_ended_job_is_told_and_once_all_is_known_there_is_nothing_to_come_back_for(
    client: FlaskClient, queue: Queue
) -> None:
    id = submit(queue)
    queue.cancel(id)
    url = f"/v1/transfers/{id}/events"

    def answer(last: str) -> TestResponse:
        return client.get(url, headers={"Last-Event-ID": last}, buffered=True)

    events = list(told(answer("").text.split("\n")))
    assert [event.name for event in events] == ["progress", "done"]
    assert [event.name for event in told(answer("0").text.split("\n"))] == ["done"]
    assert answer(str(events[1].number)).status_code == 204
    assert answer("nonsense").text == answer("").text


def test_the_stream_of_an_unknown_job_is_404(client: FlaskClient) -> None:
    response = client.get("/v1/transfers/unknown/events")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


def test_where_keys_are_set_streams_and_previews_want_one(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, api_keys=("secret",)))
    for path in ("events", "preview"):
        assert app.test_client().get(f"/v1/transfers/x/{path}").status_code == 401
    app.extensions[KEY].database.close()


# Prefer: wait


def test_a_wait_ends_with_its_job(
    queue: Queue, leases: Leases, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, job = Waiting(watch, 1), queue.get(submit(queue))
    answer = pool.submit(waiting.until_ended, job, LONG_S)
    eventually(lambda: job.id in watch._jobs, 10, "not watched")
    assert waiting.until_ended(job, LONG_S) == (job, False), "there was but one place"
    work_until_the_end(leases, 3)
    ended, waited = answer.result(10)
    assert (ended.status, waited) == ("succeeded", True)
    assert waiting.until_ended(ended, LONG_S) == (ended, True), "its place is free again"


def test_a_wait_ends_when_its_time_is_up(queue: Queue, watch: Watch) -> None:
    job = queue.get(submit(queue))
    assert Waiting(watch, 1).until_ended(job, 0.2) == (job, True)


def test_a_wait_ends_when_its_job_is_deleted_or_the_server_stops(
    queue: Queue, watch: Watch, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    waiting, jobs = Waiting(watch, 2), [queue.get(submit(queue)) for _ in range(2)]
    answers = [pool.submit(waiting.until_ended, job, LONG_S) for job in jobs]
    eventually(lambda: len(watch._jobs) == 2, 10, "not watched")
    queue.delete(jobs[0].id)
    assert answers[0].result(10) == (jobs[0], True)
    assert not answers[1].done()
    watch.close()
    assert answers[1].result(10) == (jobs[1], True)


# Bodies


class Handler:
    """A WSGI application whose requests stay until they are let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            self.inside += 1
        self.let_go.wait(30)
        if environ.get("fails"):
            raise ZeroDivisionError
        return [b"done"]


def test_so_many_bodies_at_a_time_and_requests_without_one_pass_them() -> None:
    handler = Handler()
    app = BodyPlaces(handler, 2)
    bodies = [{"CONTENT_LENGTH": "5"}, {"CONTENT_LENGTH": "9", "fails": "yes"}]
    bodies += [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "1"}]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(app, body, None) for body in bodies]
        eventually(lambda: handler.inside == 2, 10, "not even two")
        others = [
            pool.submit(app, environ, None) for environ in ({}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0"})
        ]
        eventually(lambda: handler.inside == 5, 10, "those without a body wait")
        time.sleep(0.2)
        assert handler.inside == 5
        handler.let_go.set()
        assert isinstance(answers[1].exception(10), ZeroDivisionError)
        for answer in (answers[0], answers[2], answers[3], *others):
            assert answer.result(10) == [b"done"]
