"""Streams over a database whose jobs the test itself carries out."""

from __future__ import annotations

import concurrent.futures
import socket
import time
from pathlib import Path

import pytest
from api.listening import Told, told, whole
from api.working import PREVIEW, CountingQueue, work_until_the_end
from flask.testing import FlaskClient
from front_door import eventually
from jobs.submitting import claimed, submit
from werkzeug.test import TestResponse

from service.api.context import KEY
from service.api.live.streams import BEGINNING, Streams, events_after, resumed_at
from service.api.live.watch import Watch
from service.config import Settings
from service.errors import JobFailed, LimitExceeded, Unavailable
from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.storage.records import JobProgress
from service.web.app import create_app

# What is told


def test_a_waiting_job_has_progress_alone_and_its_number_is_0(queue: Queue) -> None:
    (event,) = events_after(queue.get(submit(queue)), BEGINNING)
    assert (event.number, event.name, event.data["status"], event.data["iteration"]) == (0, "progress", "queued", 0)


def test_events_come_in_the_order_of_their_numbers_and_those_known_are_left_out(queue: Queue, leases: Leases) -> None:
    id = submit(queue)
    claim = claimed(leases)
    leases.report(claim, preview=PREVIEW)
    leases.report(claim, progress=JobProgress(4))
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
    leases.report(claim, progress=JobProgress(9), preview=PREVIEW)
    leases.fail(claim, JobFailed("for the test"))
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
        leases.report(claim, progress=JobProgress(i))
        assert next(events).data["iteration"] == i
    leases.report(claim, preview=PREVIEW)
    assert next(events).name == "preview"
    queue.cancel(id)
    leases.cancel(claim)
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
    assert newest == {"progress": row.progress.event, "preview": row.preview.event, "done": row.events}


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
    eventually(lambda: queue.asked and queue.asked[-1] == set(ids), 60, "not all in one query")
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
    assert list(lines) == [": the job was deleted\n\n"]


# Places


def test_there_are_so_many_places_and_each_can_be_had_again(watch: Watch) -> None:
    streams = Streams(watch, 2)
    streams.take_place("default")
    streams.take_place("birch")
    with pytest.raises(Unavailable):
        streams.take_place("default")
    streams.free_place("birch")
    streams.take_place("default")


def test_a_tenant_leaves_half_of_the_places_to_others(watch: Watch) -> None:
    streams = Streams(watch, 4)
    for _ in range(2):
        streams.take_place("acme")
    with pytest.raises(Unavailable):
        streams.take_place("acme", 3)
    for _ in range(2):
        streams.take_place("default")


def test_a_tenant_has_so_many_places_as_it_may(watch: Watch) -> None:
    streams = Streams(watch, 9)
    streams.take_place("acme", 1)
    with pytest.raises(LimitExceeded) as caught:
        streams.take_place("acme", 1)
    assert caught.value.problem()["limit"] == {"name": "streams", "value": 1, "used": 1}
    streams.take_place("birch", 1)
    streams.free_place("acme")
    streams.take_place("acme", 1)


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


def test_where_keys_are_set_streams_and_previews_want_one(data_folder: Path) -> None:
    app = create_app(Settings(data=data_folder, api_keys=("secret",), starters=False))
    for path in ("events", "preview"):
        assert app.test_client().get(f"/v1/transfers/x/{path}").status_code == 401
    app.extensions[KEY].database.close()
