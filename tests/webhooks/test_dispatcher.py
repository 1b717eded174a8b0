"""Dispatchers deliver what ended jobs left for them, and go on whatever happens to one webhook or to the database."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from front_door import eventually
from full_system import no_room_for
from jobs.submitting import ended_job
from webhooks.receiver import SECRET, Hanging, Receiver, raw_server

from service.config import Settings
from service.errors import DatabaseError, InvalidInput
from service.jobs import deliveries
from service.jobs.deliveries import Deliveries, Delivery
from service.jobs.outbox import enqueue, enqueue_pictures
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.records import PaintedPicture, TransferResult
from service.webhooks import dispatcher
from service.webhooks.dispatcher import HOST_AT_ONCE, PICTURES_AT_ONCE, WEBHOOKS_AT_ONCE, WebhookDispatcher
from service.webhooks.sender import Sender

PATIENCE_S = 30  # seconds that a test waits for a webhook
HOSTS = tuple(f"127.0.0.{i}" for i in range(1, 2 + WEBHOOKS_AT_ONCE))  # all are loopback
PICTURE = PaintedPicture("picture", hashlib.sha256(b"pixels").hexdigest(), 1, 1)
SETTINGS = Settings(webhook_hosts=HOSTS, delivery_hosts=HOSTS, webhook_secret=(SECRET,))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "POLL_S", 0.02)
    monkeypatch.setattr(deliveries, "BACKOFF_S", (0.05, 0.05))


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/x.db"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks are waited for as long as pictures are; the dispatcher's end waits for neither."""
    monkeypatch.setattr(dispatcher, "STOP_S", 0.05)
    monkeypatch.setattr(dispatcher, "Sender", partial(Sender, timeout_s=10 * PATIENCE_S))


@contextmanager
def running(
    database: Database, settings: Settings = SETTINGS, blobs: Blobs | None = None
) -> Iterator[WebhookDispatcher]:
    it = WebhookDispatcher(settings, database, blobs or Blobs("memory:///"))
    it.start()
    try:
        yield it
    finally:
        it.stop()


def leave(database: Database, job_id: str, url: str, tenant: str = "default") -> None:
    with database.writing() as session:
        job = ended_job(session, job_id, tenant)
        enqueue(session, job, url, {"type": "transfer.succeeded", "data": {"id": job_id}})


def leave_picture(database: Database, job_id: str, url: str, tenant: str) -> None:
    result = TransferResult((PICTURE,), 10).to_json()
    with database.writing() as session:
        enqueue_pictures(session, ended_job(session, job_id, tenant, result=result, deliver={"url": url}), 1)


def taken(receivers: Sequence[Hanging]) -> int:
    """How many connections these receivers have."""
    return sum(one.taken for one in receivers)


def wait_for(database: Database, job_id: str, status: str) -> dict[str, Any]:
    def outcome() -> dict[str, Any]:
        return Deliveries(database).of_job(job_id) or {}

    eventually(lambda: outcome().get("status") == status, PATIENCE_S, f"{job_id} did not come to be {status}")
    return outcome()


def test_a_webhook_is_delivered_once(database: Database) -> None:
    with Receiver() as receiver, running(database):
        leave(database, "a", receiver.url())
        outcome = wait_for(database, "a", "delivered")
        leave(database, "b", receiver.url())
        wait_for(database, "b", "delivered")
    assert outcome == {"url": receiver.url(), "status": "delivered", "attempts": 1, "error": None}
    assert [received.body for received in receiver.received] == [
        b'{"type":"transfer.succeeded","data":{"id":"a"}}',
        b'{"type":"transfer.succeeded","data":{"id":"b"}}',
    ]


def test_a_500_is_tried_again_under_the_same_id(database: Database) -> None:
    with Receiver(500, 503) as receiver, running(database):
        leave(database, "a", receiver.url())
        outcome = wait_for(database, "a", "delivered")
    assert outcome["attempts"] == 3
    assert outcome["error"] is None
    assert len(receiver.ids()) == 3
    assert len(set(receiver.ids())) == 1


def test_what_fails_every_time_is_given_up_in_the_end(database: Database) -> None:
    with Receiver(500, 500, 500) as receiver, running(database):
        leave(database, "a", receiver.url())
        outcome = wait_for(database, "a", "failed")
    assert outcome["attempts"] == 3
    assert outcome["error"] == "it answered 500"


def test_410_is_given_up_at_once(database: Database) -> None:
    with Receiver(410) as receiver, running(database):
        leave(database, "a", receiver.url())
        outcome = wait_for(database, "a", "failed")
    assert outcome["attempts"] == 1
    assert "410" in outcome["error"]


def test_webhooks_of_a_host_that_is_no_longer_allowed_are_given_up(database: Database) -> None:
    with Receiver() as receiver, running(database, Settings(webhook_secret=(SECRET,))):
        leave(database, "a", receiver.url())
        outcome = wait_for(database, "a", "failed")
    assert "webhooks are off" in outcome["error"]
    assert receiver.received == []


def test_two_dispatchers_deliver_each_webhook_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        databases = [Database(f"sqlite:///{tmp_path}/x.db") for _ in range(2)]
        receiver = stack.enter_context(Receiver())
        for i in range(30):
            leave(databases[0], f"job-{i}", receiver.url())
        for database in databases:
            stack.callback(database.close)
            stack.enter_context(running(database))
        for i in range(30):
            assert wait_for(databases[0], f"job-{i}", "delivered")["attempts"] == 1
    assert len(receiver.ids()) == len(set(receiver.ids())) == 30


def test_a_database_that_fails_for_a_while_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    claim, failures = Deliveries.claim, iter([DatabaseError("it is away"), OSError("it is odd")])

    def failing(self: Deliveries, *busy: Any, **kind: Any) -> Delivery | None:
        for failure in failures:
            raise failure
        return claim(self, *busy, **kind)

    monkeypatch.setattr(Deliveries, "claim", failing)
    with Receiver() as receiver, running(database):
        leave(database, "a", receiver.url())
        wait_for(database, "a", "delivered")


def test_a_webhook_without_a_thread_waits_for_one_and_loses_no_attempt(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver(500) as receiver, running(database):
        with no_room_for("webhook"):
            leave(database, "a", receiver.url())
            refused = 2 * len(deliveries.BACKOFF_S)
            eventually(
                lambda: caplog.text.count("webhooks can't be delivered now") >= refused, PATIENCE_S, "not tried"
            )
        outcome = wait_for(database, "a", "delivered")
    assert outcome["attempts"] == 2


def test_an_odd_error_in_sending_one_webhook_does_not_hold_up_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Sender.send

    def failing(self: Sender, url: str, id: str, payload: dict[str, Any], *others: Any) -> None:
        if payload["data"]["id"] == "a":
            raise RuntimeError("odd")
        send(self, url, id, payload, *others)

    monkeypatch.setattr(Sender, "send", failing)
    with Receiver() as receiver, running(database):
        leave(database, "a", receiver.url())
        leave(database, "b", receiver.url())
        wait_for(database, "b", "delivered")
        assert wait_for(database, "a", "failed")["error"] == "it can't be sent: internal error"


def test_what_a_receiver_says_is_noted_as_far_as_it_can_be_printed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "BACKOFF_S", (60.0,))

    def talk(connected: Any) -> None:
        connected.recv(2**16)
        connected.sendall(b"HTP/1.1 \0\r\n")

    with raw_server(talk) as port, running(database):
        leave(database, "a", f"http://127.0.0.1:{port}/")
        eventually(lambda: said(database, "a"), PATIENCE_S, "it isn't noted")
        assert said(database, "a") == "it can't be reached: HTP/1.1 \ufffd"


def said(database: Database, job_id: str) -> str | None:
    return (Deliveries(database).of_job(job_id) or {}).get("error")


@pytest.mark.parametrize(
    ("hosts", "others", "at_once"),
    [(HOSTS[1:2] * 2, "acme", 2 * HOST_AT_ONCE), (HOSTS[1:], "default", WEBHOOKS_AT_ONCE // 2)],
)
def test_receivers_that_hang_delay_what_goes_to_their_host_and_their_tenant_alone(
    database: Database, patient: None, hosts: tuple[str, ...], others: str, at_once: int
) -> None:
    """Two ports of one host: a third one still gets its tenant's. A host for each place: other tenants get theirs."""
    with ExitStack() as stack:
        receivers = [stack.enter_context(Hanging(host)) for host in hosts]
        receiver = stack.enter_context(Receiver())
        for i in range(2 * WEBHOOKS_AT_ONCE):
            leave(database, f"hangs-{i}", receivers[i % len(receivers)].url(), "acme")
        stack.enter_context(running(database))
        eventually(lambda: taken(receivers) == at_once, PATIENCE_S, "not so many at once")
        for i in range(10):
            leave(database, f"job-{i}", receiver.url(), others)
        for i in range(10):
            wait_for(database, f"job-{i}", "delivered")
        assert taken(receivers) == at_once


def test_two_tenants_whose_webhooks_and_pictures_hang_leave_places_to_a_third(
    database: Database, patient: None
) -> None:
    blobs = Blobs("memory:///")
    blobs.put(PICTURE.blob, b"pixels")
    with ExitStack() as stack:
        receivers = [stack.enter_context(Hanging(host)) for host in HOSTS[1:]]
        receiver = stack.enter_context(Receiver())
        for tenant in ("acme", "globex"):
            for i, hanging in enumerate(receivers):
                leave(database, f"{tenant}-{i}", hanging.url(), tenant)
                leave_picture(database, f"{tenant}-p{i}", hanging.url(), tenant)
        stack.enter_context(running(database, blobs=blobs))
        hanging_at_once = sum(places // 2 + places // 4 for places in (WEBHOOKS_AT_ONCE, PICTURES_AT_ONCE))
        eventually(lambda: taken(receivers) == hanging_at_once, PATIENCE_S, "not so many at once")
        leave(database, "third", receiver.url(), "initech")
        leave_picture(database, "third-p", receiver.url("/put"), "initech")
        wait_for(database, "third", "delivered")
        eventually(lambda: len(receiver.received) == 2, PATIENCE_S, "the picture didn't come")
        assert {(one.method, one.path) for one in receiver.received} == {("POST", "/hook"), ("PUT", "/put")}
        assert taken(receivers) == hanging_at_once


@pytest.mark.slow
def test_the_deliveries_of_a_process_are_bounded_and_its_places_are_used_again(
    database: Database, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "Sender", partial(Sender, timeout_s=3.0))
    monkeypatch.setattr(deliveries, "BACKOFF_S", (60.0,))
    with ExitStack() as stack:
        receivers = [stack.enter_context(Hanging(host)) for host in HOSTS[1:]]
        for i in range(2 * WEBHOOKS_AT_ONCE):
            leave(database, f"hangs-{i}", receivers[i % WEBHOOKS_AT_ONCE].url(), f"tenant-{i % WEBHOOKS_AT_ONCE}")
        stack.enter_context(running(database))
        eventually(lambda: taken(receivers) == WEBHOOKS_AT_ONCE, 60, "not so many at once")
        time.sleep(0.3)
        assert taken(receivers) == WEBHOOKS_AT_ONCE
        eventually(lambda: taken(receivers) == 2 * WEBHOOKS_AT_ONCE, 60, "no place came free")


def test_it_stops_though_a_receiver_does_not_answer_and_leaves_the_webhook_to_another(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STOP_S", 0.05)
    asked, hang_up = threading.Event(), threading.Event()

    def talk(connected: Any) -> None:
        asked.set()
        hang_up.wait(30)

    with raw_server(talk) as port:
        with running(database):
            leave(database, "a", f"http://127.0.0.1:{port}/")
            assert asked.wait(20)
        assert not hang_up.is_set()
        assert Deliveries(database).of_job("a") == {
            "url": f"http://127.0.0.1:{port}/",
            "status": "pending",
            "attempts": 1,
            "error": None,
        }
        hang_up.set()
    eventually(lambda: "webhooks" not in [t.name for t in threading.enumerate()], 60, "it went on")


def test_an_idle_dispatcher_stops(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "POLL_S", 60)
    with running(database):
        pass
    assert "webhooks" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("settings", [{"webhook_hosts": ("*",)}, {"webhook_secret": ("whsec_x",)}])
def test_settings_that_can_not_be_used_are_told_before_it_starts(database: Database, settings: Any) -> None:
    with pytest.raises(InvalidInput, match="NST_WEBHOOK_"):
        WebhookDispatcher(Settings(**settings), database, Blobs("memory:///"))
