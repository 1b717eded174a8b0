"""The streams of a batch's events, without a database."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import cast

import pytest

from service.api.live.batch_events import DONE, BatchStreams, batch_resumed_at
from service.api.live.watch import Watch
from service.errors import DatabaseError, NotFound
from service.jobs.batch_resource import BatchSnapshot
from service.jobs.batches import BatchState
from service.jobs.queue import Queue
from service.storage.records import BatchSums
from service.storage.schema import BatchRow

LOOK_S = 0.05


def batch(finished_at: float | None = None) -> BatchRow:
    return BatchRow(id="b", tenant="default", total=4, status="running", created_at=1.0, finished_at=finished_at)


class Course:
    """Looks at a batch, one fraction after another; it counts them. Where one is None, the database fails."""

    def __init__(self, *fractions: float | None) -> None:
        self._left = list(fractions)
        self.looks = 0

    def __call__(self) -> BatchSnapshot:
        self.looks += 1
        if not self._left:
            raise NotFound("it is gone")
        fraction = self._left.pop(0)
        if fraction is None:
            raise DatabaseError("the database failed: for the test")
        ended = fraction == 1
        return BatchSnapshot(batch(2.0 if ended else None), BatchState(BatchSums(), fraction), None, None)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchStreams]:
    for module in ("batch_watch", "batch_events"):
        monkeypatch.setattr(f"service.api.live.{module}.LOOK_S", LOOK_S)
    watch = Watch(cast(Queue, None))  # which is asked for single jobs alone
    yield BatchStreams(watch)
    watch.close()


def ids(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^id: (\d+)$", text, re.MULTILINE)]


def test_numbers_grow_whatever_the_fraction_does_and_go_on_after_a_break(streams: BatchStreams) -> None:
    course = Course(0.0, 0.25, 0.1, 0.25, 1.0)
    assert ids("".join(streams.stream("b", course, 7, None, lambda: True))) == [8, 9, 10, 11, DONE]
    course = Course(0.1)
    text = "".join(streams.stream("b", course, 0, None, lambda: True))
    assert (ids(text), text.endswith(": the batch was deleted\n\n")) == ([1], True)


def test_a_stream_goes_on_after_the_database_has_failed(
    streams: BatchStreams, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("service.api.live.batch_events.HEARTBEAT_S", -1.0)
    text = "".join(streams.stream("b", Course(None, 0.25, None, None, 1.0), 0, None, lambda: True))
    assert (ids(text), text.count(": still there")) == ([1, DONE], 3)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_all_streams_of_a_batch_share_a_look(streams: BatchStreams) -> None:
    course = Course(0.0, 0.5)
    first, second = (streams.stream("b", course, 0, None, lambda: True) for _ in range(2))
    for stream in (first, second):
        assert next(stream).startswith("retry")
    assert (ids(next(first)), ids(next(second)), course.looks) == ([1], [1], 1)
    assert (ids(next(first)), course.looks) == ([2], 2)
    for stream in (first, second):
        cast(Generator[str, None, None], stream).close()
    again = Course(0.5)
    third = streams.stream("b", again, 0, None, lambda: True)
    assert (next(third)[:5], ids(next(third)), again.looks) == ("retry", [1], 1)  # nobody watched it meanwhile


def test_a_last_event_id_is_a_number_that_an_event_of_the_batch_can_have() -> None:
    ended = batch(2.0)
    assert [batch_resumed_at(header, ended) for header in ("", "x", "-1", "²", "9" * 11, "7")] == [0, 0, 0, 0, 0, 7]
    assert batch_resumed_at(str(DONE), ended) == DONE
    assert batch_resumed_at(str(DONE), batch()) == 0
