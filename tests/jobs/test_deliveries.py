"""The webhooks that are to be delivered: written with a job's end, claimed by one at a time, tried again, kept."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from front_door import eventually
from jobs.submitting import ended_job
from sqlalchemy import select

from service.jobs import deliveries
from service.jobs.deliveries import BACKOFF_S, JITTER, Deliveries, Delivery
from service.jobs.outbox import LEASE_S, enqueue, forget_old
from service.storage.database import Database, now
from service.storage.schema import DeliveryRow

ROOT = Path(__file__).resolve().parents[2]
URL = "https://hooks.example.com/"


@pytest.fixture
def outbox(database: Database) -> Deliveries:
    return Deliveries(database)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims run out at once, and what failed is due at once."""
    monkeypatch.setattr(deliveries, "LEASE_S", -1.0)
    monkeypatch.setattr(deliveries, "BACKOFF_S", (-1.0,) * len(BACKOFF_S))


def leave(database: Database, job_id: str = "job") -> None:
    with database.writing() as session:
        enqueue(session, ended_job(session, job_id), URL, {"type": "transfer.failed", "data": {"id": job_id}})


def claimed(outbox: Deliveries) -> Delivery:
    delivery = outbox.claim()
    assert delivery is not None
    return delivery


def due_in(database: Database, id: str) -> float:
    """In how many seconds it is due."""
    with database.reading() as session:
        due_at = session.get_one(DeliveryRow, id).due_at
        clock = session.scalar(select(now()))
    assert due_at is not None
    assert clock is not None
    seconds: float = due_at - clock
    return seconds


def status(outbox: Deliveries, job_id: str = "job") -> str:
    outcome = outbox.of_job(job_id)
    assert outcome is not None
    return str(outcome["status"])


def test_a_webhook_is_due_as_soon_as_its_transaction_is_over(database: Database, outbox: Deliveries) -> None:
    leave(database)
    delivery = claimed(outbox)
    assert delivery.id.startswith("msg_")
    assert "." not in delivery.id  # it would make the signed text ambiguous
    assert (delivery.job_id, delivery.url, delivery.attempts) == ("job", URL, 1)
    assert delivery.payload == {"type": "transfer.failed", "data": {"id": "job"}}


def test_it_is_not_there_if_that_transaction_fails(database: Database, outbox: Deliveries) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        enqueue(session, ended_job(session, "job"), URL, {})
        session.flush()
        raise ZeroDivisionError
    assert outbox.claim() is None
    assert outbox.of_job("job") is None


def test_the_one_due_longest_is_next(database: Database, outbox: Deliveries) -> None:
    for job_id in ("a", "b", "c"):
        leave(database, job_id)
    with database.writing() as session:
        for row in session.scalars(select(DeliveryRow)):
            row.due_at = row.created_at - {"a": 10, "b": 30, "c": 20}[row.job_id]
    assert [claimed(outbox).job_id for _ in range(3)] == ["b", "c", "a"]


def test_what_is_claimed_is_not_claimed_again_before_its_time(database: Database, outbox: Deliveries) -> None:
    leave(database)
    delivery = claimed(outbox)
    assert outbox.claim() is None
    assert LEASE_S - 30 < due_in(database, delivery.id) <= LEASE_S


@pytest.mark.slow
def test_it_comes_back_when_the_process_that_claimed_it_dies(
    database: Database, outbox: Deliveries, database_url: str
) -> None:
    leave(database)
    script = (
        "import os, signal, sys\n"
        "from service.jobs import deliveries\n"
        "from service.storage.database import Database\n"
        "deliveries.LEASE_S = 0.2\n"
        "claimed = deliveries.Deliveries(Database(sys.argv[1])).claim()\n"
        "print(claimed.id, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run(
        [sys.executable, "-c", script, database_url], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert died.returncode == -9, died.stderr
    found: list[Delivery | None] = []

    def is_back() -> bool:
        found.append(outbox.claim())
        return found[-1] is not None

    eventually(is_back, 60, "it did not come back")
    assert found[-1] is not None
    assert found[-1].id == died.stdout.strip()
    assert found[-1].attempts == 2


@pytest.mark.slow
def test_many_dispatchers_claim_each_once(database: Database, outbox: Deliveries) -> None:
    for i in range(40):
        leave(database, f"job-{i}")
    ids: list[str] = []

    def work() -> None:
        while len(ids) < 40:  # a dispatcher may find nothing while another holds the next one
            if (delivery := outbox.claim()) is not None:
                ids.append(delivery.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 40
    assert outbox.claim() is None


def test_looking_for_work_does_not_wait_for_writers(database: Database, outbox: Deliveries) -> None:
    leave(database)
    claimed(outbox)
    with database.writing() as session:
        session.scalar(select(now()))  # now it holds SQLite's lock
        assert outbox.claim() is None


def test_webhooks_to_busy_hosts_and_of_busy_tenants_stay_where_they_are(
    database: Database, outbox: Deliveries
) -> None:
    for url, host in ((URL, "hooks.example.com:443"), ("https://HOOKS.example.com:8443/", "hooks.example.com:8443")):
        with database.writing() as session:
            enqueue(session, ended_job(session, url, "acme"), url, {})
        assert outbox.claim([host]) is None
        assert outbox.claim([], ["acme"]) is None
        delivery = outbox.claim(["example.com", "hooks.example.com:1"], ["default"])
        assert delivery is not None
        assert (delivery.host, delivery.tenant) == (host, "acme")


def test_what_is_delivered_is_over(database: Database, outbox: Deliveries) -> None:
    leave(database)
    assert outbox.of_job("job") == {"url": URL, "status": "pending", "attempts": 0, "error": None}
    delivery = claimed(outbox)
    outbox.delivered(delivery.id)
    assert outbox.of_job("job") == {"url": URL, "status": "delivered", "attempts": 1, "error": None}
    assert outbox.claim() is None


@pytest.mark.parametrize("attempts", range(1, len(BACKOFF_S) + 1))
def test_pauses_grow_from_failure_to_failure(database: Database, outbox: Deliveries, attempts: int) -> None:
    leave(database)
    with database.writing() as session:
        session.scalars(select(DeliveryRow)).one().attempts = attempts - 1
    delivery = claimed(outbox)
    with database.reading() as session:
        before = session.scalar(select(now())) or 0.0
    outbox.failed(delivery.id, delivery.attempts, "it answered 500")
    with database.reading() as session:
        after = session.scalar(select(now())) or 0.0
        due_at = session.get_one(DeliveryRow, delivery.id).due_at
    pause = BACKOFF_S[attempts - 1]
    assert due_at is not None
    assert before + pause - 0.01 <= due_at <= after + pause * (1 + JITTER) + 0.01
    assert outbox.of_job("job") == {
        "url": URL,
        "status": "pending",
        "attempts": attempts,
        "error": "it answered 500",
    }


def test_pauses_are_not_all_alike(database: Database, outbox: Deliveries) -> None:
    for i in range(4):
        leave(database, f"job-{i}")
    claims = [claimed(outbox) for _ in range(4)]
    with database.writing() as session:
        for row in session.scalars(select(DeliveryRow)):
            row.attempts = len(BACKOFF_S)
    for claim in claims:
        outbox.failed(claim.id, len(BACKOFF_S), "no")
    waits = {round(due_in(database, claim.id) / 60) for claim in claims}
    assert len(waits) > 1


@pytest.mark.usefixtures("hasty")
def test_after_the_last_pause_it_is_given_up(database: Database, outbox: Deliveries) -> None:
    leave(database)
    for attempt in range(1, len(BACKOFF_S) + 2):
        delivery = claimed(outbox)
        assert delivery.attempts == attempt
        outbox.failed(delivery.id, delivery.attempts, "it answered 500")
    assert outbox.claim() is None
    assert status(outbox) == "failed"


def test_what_is_given_up_is_over_and_says_why(database: Database, outbox: Deliveries) -> None:
    leave(database)
    outbox.given_up(claimed(outbox).id, 1, "it answered 410")
    assert outbox.of_job("job") == {"url": URL, "status": "failed", "attempts": 1, "error": "it answered 410"}
    assert outbox.claim() is None


@pytest.mark.usefixtures("hasty")
def test_a_failure_told_after_another_has_claimed_it_changes_nothing(database: Database, outbox: Deliveries) -> None:
    leave(database)
    first, second = claimed(outbox), claimed(outbox)
    assert (first.id, second.attempts) == (second.id, 2)
    outbox.failed(first.id, first.attempts, "too late")
    outbox.given_up(first.id, first.attempts, "too late")
    assert outbox.of_job("job") == {"url": URL, "status": "pending", "attempts": 2, "error": None}


@pytest.mark.usefixtures("hasty")
def test_a_success_stands_whatever_another_dispatcher_says(database: Database, outbox: Deliveries) -> None:
    leave(database)
    first, second = claimed(outbox), claimed(outbox)
    outbox.delivered(first.id)
    delivered = {"url": URL, "status": "delivered", "attempts": 2, "error": None}
    outbox.failed(second.id, second.attempts, "it answered 500")
    assert outbox.of_job("job") == delivered
    outbox.given_up(second.id, second.attempts, "it answered 410")
    assert outbox.of_job("job") == delivered
    assert outbox.claim() is None


@pytest.mark.usefixtures("hasty")
def test_a_success_at_last_leaves_no_error(database: Database, outbox: Deliveries) -> None:
    leave(database)
    first = claimed(outbox)
    outbox.failed(first.id, first.attempts, "it answered 500")
    outbox.delivered(claimed(outbox).id)
    assert outbox.of_job("job") == {"url": URL, "status": "delivered", "attempts": 2, "error": None}


@pytest.mark.usefixtures("hasty")
def test_a_success_counts_though_its_claim_had_run_out(database: Database, outbox: Deliveries) -> None:
    leave(database)
    first, _ = claimed(outbox), claimed(outbox)
    outbox.delivered(first.id)
    assert status(outbox) == "delivered"


def test_an_error_is_kept_at_a_bearable_length(database: Database, outbox: Deliveries) -> None:
    leave(database)
    outbox.given_up(claimed(outbox).id, 1, "x" * 10_000)
    outcome = outbox.of_job("job")
    assert outcome is not None
    assert outcome["error"] == "x" * 500


def test_only_old_ones_that_are_over_are_forgotten(database: Database, outbox: Deliveries) -> None:
    for job_id in ("old and over", "old and pending", "new and over"):
        leave(database, job_id)
    for _ in range(3):
        delivery = claimed(outbox)
        if delivery.job_id.endswith("over"):
            outbox.given_up(delivery.id, delivery.attempts, "no")
    with database.writing() as session:
        for row in session.scalars(select(DeliveryRow)):
            row.created_at -= 1000 if row.job_id.startswith("old") else 0
    with database.writing() as session:
        forget_old(session, 500)
    assert outbox.of_job("old and over") is None
    assert status(outbox, "old and pending") == "pending"
    assert status(outbox, "new and over") == "failed"


def test_characters_that_databases_refuse_are_replaced_in_what_a_receiver_has_said(
    database: Database, outbox: Deliveries
) -> None:
    leave(database)
    delivery = claimed(outbox)
    outbox.failed(delivery.id, 1, "it said: \0é\ud800")
    assert outbox.of_job("job") == {"url": URL, "status": "pending", "attempts": 1, "error": "it said: \ufffdé\ufffd"}
    outbox.given_up(delivery.id, 1, "\0")
    assert status(outbox) == "failed"
