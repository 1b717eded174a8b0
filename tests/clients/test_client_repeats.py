"""Requests that are tried again: which, how often, how long, and that they never make a second job."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients.scripted import DROPPED, JOB, MADE, Reply, answering, problem, skipped_pauses
from nst_client import Batch, Client, LimitExceeded, NotUnderstood, Problem, Transfer, Unavailable, Unreachable
from nst_client.connection import Connection


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return skipped_pauses(monkeypatch)


def submit(client: Client) -> Transfer:
    return client.transfer(b"picture", "mosaic")


@pytest.mark.parametrize(
    "first", [DROPPED, Reply(202, JOB, cut=True), problem(503), Reply(502, b"<html>"), Reply(504, b""),
              problem(429, Retry_After="1"), problem(507, Retry_After="2")]
)  # fmt: skip
def test_what_may_pass_is_tried_again_under_one_key(first: Reply) -> None:
    with answering([first, first, MADE]) as server, Client(server.url) as client:
        assert submit(client).id == "one"
    keys = [request.headers["Idempotency-Key"] for request in server.seen]
    assert len(keys) == 3 and len(set(keys)) == 1


def test_each_call_has_a_key_of_its_own() -> None:
    with answering([MADE]) as server, Client(server.url) as client:
        submit(client)
        submit(client)
    assert len({request.headers["Idempotency-Key"] for request in server.seen}) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 500, 507])
def test_what_would_not_pass_is_an_error_at_once(status: int) -> None:
    with (
        answering([problem(status), MADE]) as server,
        Client(server.url) as client,
        pytest.raises(Problem) as refused,
    ):
        submit(client)
    assert refused.value.status == status and len(server.seen) == 1


def test_retry_after_is_obeyed(pauses: list[float]) -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    replies = [problem(429, Retry_After="7"), problem(503, Retry_After=date), problem(503, Retry_After="soon"), MADE]
    with answering(replies) as server, Client(server.url) as client:
        submit(client)
    assert pauses[0] == 7
    assert 25 < pauses[1] <= 30
    assert 0 < pauses[2] <= 10


def test_a_wait_past_the_patience_is_an_error_at_once(pauses: list[float]) -> None:
    replies = [problem(429, Retry_After="40"), problem(429, Retry_After="40"), MADE]
    with (
        answering(replies) as server,
        Client(server.url, patience_s=60) as client,
        pytest.raises(LimitExceeded) as refused,
    ):
        submit(client)
    assert refused.value.retry_after == 40
    assert pauses == [40] and len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "error"),
    [(DROPPED, Unreachable), (problem(503), Unavailable), (problem(503, Retry_After="0"), Unavailable)],
)
def test_tries_end_with_the_patience(reply: Reply, error: type[Exception], pauses: list[float]) -> None:
    waits: list[Exception] = []
    with (
        answering([reply]) as server,
        Client(server.url, patience_s=60, on_wait=waits.append) as client,
        pytest.raises(error),
    ):
        submit(client)
    assert len(server.seen) == len(pauses) + 1 and max(pauses) <= 10
    assert 45 < sum(pauses) <= 60
    assert [type(wait) for wait in waits] == [error]
    assert len({request.headers["Idempotency-Key"] for request in server.seen}) == 1


def test_what_is_not_repeated_is_not_waited_for() -> None:
    waits: list[Exception] = []
    for refused in (problem(422), problem(429, Retry_After="121")):
        with answering([refused]) as server, pytest.raises(Problem):
            submit(Client(server.url, on_wait=waits.append))
    assert waits == []


def test_what_a_lost_answer_deleted_is_deleted() -> None:
    with answering([DROPPED, problem(404)]) as server, Client(server.url) as client:
        client.delete_style("mosaic")
    with answering([problem(404)]) as server, Client(server.url) as client, pytest.raises(Problem):
        client.delete_style("mosaic")


def test_a_page_of_a_proxy_is_an_error_with_its_status() -> None:
    with (
        answering([Reply(413, b"<html>", {"Content-Type": "text/html"})]) as server,
        Client(server.url) as client,
        pytest.raises(Problem, match="HTTP 413") as refused,
    ):
        submit(client)
    assert refused.value.status == 413 and refused.value.errors == []


def test_a_redirection_is_an_error_that_says_where_to() -> None:
    moved = Reply(301, b"", {"Location": "https://paint.example.com/v1/transfers"})
    with answering([moved]) as server, Client(server.url) as client:
        with pytest.raises(Problem, match=r"HTTP 301 .* leads to https://paint\.example\.com/v1/transfers"):
            submit(client)
        with pytest.raises(Problem, match="HTTP 301"):
            list(Transfer(client._connection, JOB).events())


@pytest.mark.parametrize("page", [b"<html>Log in</html>", b'"hello"', b""])
def test_a_page_in_place_of_json_is_an_error_of_the_client(page: bytes) -> None:
    with answering([Reply(200, page, {"Content-Type": "text/html"})]) as server, Client(server.url) as client:
        for act in (lambda: submit(client), lambda: list(client.styles()), lambda: client.get_transfer("one")):
            with pytest.raises(NotUnderstood, match="text/html"):
                act()


def test_a_page_in_place_of_a_file_is_an_error_of_the_client_and_leaves_no_file(tmp_path: Path) -> None:
    with answering([Reply(200, b"<html>Log in</html>", {"Content-Type": "text/html"})]) as server:
        transfer, batch = Transfer(Connection(server.url, None), JOB), Batch(Connection(server.url, None), JOB)
        acts: list[Callable[[], object]] = [
            lambda: transfer.save(tmp_path / "out.png"),
            transfer.preview,
            lambda: batch.save_zip(tmp_path / "all.zip"),
            lambda: list(transfer.events()),
        ]
        for act in acts:
            with pytest.raises(NotUnderstood, match="text/html"):
                act()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_may_be_read_for_longer_than_other_answers_take(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    send = httpx.Client.send

    def noted(client: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
        waits.append(request.extensions["timeout"]["read"])
        return send(client, request, **more)

    monkeypatch.setattr(httpx.Client, "send", noted)
    with answering([MADE]) as server, Client(server.url) as client:
        client.batch([b"picture"], "mosaic")
        submit(client)
    assert waits[0] > 320
    assert waits[1] == 90


# Events


def stream(*numbers: int, name: str = "progress") -> Reply:
    text = "retry: 1500\n\n" + "".join(
        f'id: {n}\nevent: {name}\ndata: {{"n": {n}}}\n\n: still there\n\n' for n in numbers
    )
    return Reply(200, text.encode(), {"Content-Type": "text/event-stream"}, cut=True)


def watched(replies: Sequence[Reply], patience_s: float = 120) -> tuple[list[int], list[str | None]]:
    """Return the numbers of the events that came, and the Last-Event-IDs that were sent."""
    with answering([MADE, *replies]) as server, Client(server.url, patience_s=patience_s) as client:
        numbers = [event.data["n"] for event in submit(client).events()]
    return numbers, [request.headers.get("Last-Event-ID") for request in server.seen[1:]]


def test_a_broken_stream_goes_on_after_the_last_event(pauses: list[float]) -> None:
    passing = [DROPPED, problem(503, Retry_After="5"), Reply(502, b"<html>"), Reply(504, b"")]
    numbers, sent = watched([stream(1, 2), *passing, stream(5), stream(9, name="done"), stream(10)])
    assert numbers == [1, 2, 5, 9]
    assert sent == [None, *["2"] * 5, "5"]
    assert pauses == [1.5, 1.5, 5, 1.5, 1.5, 1.5]


def test_a_stream_without_more_events_ends() -> None:
    assert watched([stream(1), Reply(204, b"")]) == ([1], [None, "1"])


@pytest.mark.parametrize("empty", [stream(), Reply(200, b": wait\n\n", stream().headers)])
def test_a_stream_that_brings_nothing_is_given_up(empty: Reply, pauses: list[float]) -> None:
    with answering([MADE, stream(1), empty]) as server, Client(server.url, patience_s=30) as client:
        events = submit(client).events()
        assert next(events).data == {"n": 1}
        with pytest.raises(Unreachable):
            next(events)
    assert 25 < sum(pauses[1:]) <= 30 and len(server.seen) == len(pauses) + 2


@pytest.mark.parametrize(("retry_after", "pause"), [("1", 2.0), ("5", 5.0), ("600", 600.0)])
def test_streams_that_are_used_up_are_waited_for_and_an_error_then(
    retry_after: str, pause: float, pauses: list[float]
) -> None:
    full = problem(429, Retry_After=retry_after)
    with answering([MADE, full]) as server, Client(server.url) as client, pytest.raises(LimitExceeded):
        list(submit(client).events())
    assert set(pauses) <= {pause} and sum(pauses) + pause > 100
    assert sum(pauses) <= 120 and len(server.seen) == len(pauses) + 2


def test_each_event_renews_the_patience() -> None:
    numbers, _ = watched([*[DROPPED] * 4, stream(1), *[DROPPED] * 4, stream(2, name="done")], patience_s=10)
    assert numbers == [1, 2]


def test_a_stream_that_a_proxy_ends_again_and_again_goes_on_while_its_job_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nst_client.events.LASTING_S", 0.0)
    numbers, sent = watched([stream(1), *[stream()] * 9, stream(2, name="done")], patience_s=5)
    assert numbers == [1, 2]
    assert sent == [None, *["1"] * 10]


def test_streams_that_stay_silent_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_client.events.SILENCE_S", 0.5)
    monkeypatch.setattr("nst_client.events.LASTING_S", 0.4)
    silent = Reply(200, b": wait\n\n", stream().headers, cut=True, silent_s=0.7)
    with pytest.raises(Unreachable):
        watched([silent, silent, silent, stream(1, name="done")], patience_s=3)


def test_a_job_that_is_gone_ends_its_stream() -> None:
    with (
        answering([MADE, stream(1), problem(404)]) as server,
        Client(server.url) as client,
        pytest.raises(Problem, match="not now"),
    ):
        list(submit(client).events())
    assert len(server.seen) == 3
