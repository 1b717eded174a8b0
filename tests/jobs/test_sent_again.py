"""Webhooks that are sent again when their callers ask for it: what is over, waits, or is under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from jobs.test_deliveries import URL, claimed, due_in, leave, status
from sqlalchemy import update

from service.jobs.deliveries import BACKOFF_S, Deliveries
from service.jobs.outbox import LEASE_S, send_again
from service.storage.database import Database
from service.storage.schema import DeliveryRow


@pytest.fixture
def outbox(database: Database) -> Deliveries:
    return Deliveries(database)


def change(database: Database, **values: float) -> None:
    with database.writing() as session:
        session.execute(update(DeliveryRow).values(values))


def again(database: Database, job_id: str = "job") -> bool:
    with database.writing() as session:
        return send_again(session, job_id)


@pytest.mark.parametrize("ended", [Deliveries.delivered, lambda outbox, id: outbox.given_up(id, 1, "no")])
def test_what_is_over_can_be_sent_again_under_its_id(
    database: Database, outbox: Deliveries, ended: Callable[[Deliveries, str], None]
) -> None:
    leave(database)
    id = claimed(outbox).id
    ended(outbox, id)
    assert again(database)
    assert outbox.of_job("job") == {"url": URL, "status": "pending", "attempts": 0, "error": None}
    assert claimed(outbox).id == id


def test_one_that_waits_long_is_tried_at_once_and_its_attempts_go_on_counting(
    database: Database, outbox: Deliveries
) -> None:
    leave(database)
    change(database, attempts=4)
    first = claimed(outbox)
    outbox.failed(first.id, first.attempts, "it answered 500")
    assert outbox.claim() is None
    assert again(database)
    assert claimed(outbox).attempts == 6


@pytest.mark.parametrize(
    ("end", "attempts"),
    [
        (Deliveries.failed, 1),
        (Deliveries.failed, len(BACKOFF_S)),
        (Deliveries.failed, len(BACKOFF_S) + 1),
        (Deliveries.given_up, 2),
        (lambda outbox, id, attempts, _: outbox.give_back(id, attempts), 2),
    ],
)
def test_one_that_is_under_way_and_fails_is_due_when_its_claim_ends_and_all_attempts_follow(
    database: Database, outbox: Deliveries, end: Callable[[Deliveries, str, int, str], None], attempts: int
) -> None:
    leave(database)
    change(database, attempts=attempts - 1)
    first = claimed(outbox)
    assert again(database)
    assert outbox.claim() is None
    end(outbox, first.id, attempts, "it didn't answer")
    assert outbox.of_job("job") == {"url": URL, "status": "pending", "attempts": 0, "error": None}
    assert outbox.claim() is None
    assert due_in(database, first.id) <= LEASE_S
    change(database, due_at=0.0)
    second = claimed(outbox)
    assert (second.id, second.attempts) == (first.id, 1)
    outbox.failed(second.id, second.attempts, "it didn't answer")
    assert status(outbox) == "pending"


def test_one_that_is_under_way_and_succeeds_is_over(database: Database, outbox: Deliveries) -> None:
    leave(database)
    first = claimed(outbox)
    assert again(database)
    outbox.delivered(first.id)
    assert outbox.of_job("job") == {"url": URL, "status": "delivered", "attempts": 1, "error": None}
    assert outbox.claim() is None


def test_one_that_is_no_longer_kept_can_not_be_sent_again(database: Database) -> None:
    assert not again(database)
