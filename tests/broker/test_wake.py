"""A POST wakes a worker through the broker, and is none the slower for a broker that is down."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from front_door import ROOT, eventually
from redis import Redis as Client
from servers.redis import Redis

from service.broker import publisher
from service.broker.listener import Listener
from service.broker.messages import QUEUE, WAKE
from service.broker.wake import waker
from service.storage.lanes import ENGINE, PAINT


@pytest.fixture
def client(broker: Redis) -> Iterator[Client]:
    """A client of an empty Redis."""
    with Client.from_url(broker.url) as client:
        yield client


def headers(client: Client) -> list[dict[str, object]]:
    """Return the headers of the messages that wait in the broker."""
    return [json.loads(message)["headers"] for message in client.lrange(QUEUE, 0, -1)]


def test_each_wake_up_is_one_message_that_expires(redis: Redis, client: Client) -> None:
    wake = waker(redis.url)
    wake(ENGINE)
    wake(ENGINE)
    eventually(lambda: client.llen(QUEUE) == 2, 60, "no messages")
    assert [(header["task"], bool(header["expires"])) for header in headers(client)] == [(WAKE, True)] * 2


def test_wake_ups_go_on_after_the_broker_was_restarted(
    redis: Redis, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "BACK_OFF_S", 3600)  # only a wake-up that goes through at once is seen
    wake = waker(redis.url)
    wake(ENGINE)
    eventually(lambda: client.llen(QUEUE) == 1, 60, "no message")
    redis.restart()
    wake(ENGINE)
    eventually(lambda: client.llen(QUEUE) == 1, 60, "no message to the new broker")


def test_wake_ups_are_dropped_while_the_broker_is_down_and_sent_again_later(
    redis: Redis, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher, "BACK_OFF_S", 0.2)
    wake = waker(redis.url)
    redis.stop()
    for _ in range(3 * publisher.WAITING):
        wake(ENGINE)
    eventually(lambda: "no wake-up" in caplog.text, 60, "nobody was told")
    redis.start()

    def is_heard() -> bool:
        wake(ENGINE)
        return bool(client.llen(QUEUE))

    eventually(is_heard, 60, "still none")
    assert client.llen(QUEUE) < publisher.WAITING


@pytest.mark.slow
def test_every_painter_worker_hears_of_a_painting_also_after_the_broker_was_restarted(redis: Redis) -> None:
    heard = [threading.Event(), threading.Event()]
    listeners = [Listener(redis.url, one.set) for one in heard]
    for one in listeners:
        one.start()
    wake = waker(redis.url)
    for _ in range(2):
        eventually(lambda: all(one.is_listening for one in listeners), 60, "nobody listens")
        for event in heard:
            event.clear()
        wake(ENGINE)
        wake(PAINT)
        assert [event.wait(10) for event in heard] == [True, True]
        redis.stop()
        eventually(lambda: not any(one.is_listening for one in listeners), 60, "they believe that they listen")
        redis.start()
    for one in listeners:
        one.should_stop = True


def test_a_painter_worker_hears_of_no_other_jobs(redis: Redis, client: Client) -> None:
    heard = threading.Event()
    listener = Listener(redis.url, heard.set)
    listener.start()
    eventually(lambda: listener.is_listening, 60, "it doesn't listen")
    heard.clear()
    waker(redis.url)(ENGINE)
    eventually(lambda: client.llen(QUEUE) == 1, 60, "no message")
    assert not heard.is_set()
    listener.should_stop = True


@pytest.mark.slow
def test_a_broker_that_never_answers_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wake = waker(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        for _ in range(3 * publisher.WAITING):
            wake(ENGINE)
        assert "no wake-up" not in caplog.text  # the thread still waits for its answer, we don't
        eventually(lambda: "no wake-up" in caplog.text, 30, "nobody was told")


@pytest.mark.parametrize("url", ["amqp://127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_refused_connection_is_a_warning(url: str, caplog: pytest.LogCaptureFixture) -> None:
    waker(url)(ENGINE)
    eventually(lambda: "no wake-up" in caplog.text, 60, "nobody was told")


@pytest.mark.slow
def test_celery_is_loaded_only_where_there_is_a_broker() -> None:
    code = (
        "import sys; from service.broker.wake import waker; waker(sys.argv[1])('engine'); "
        "print('celery' in sys.modules)"
    )
    for url, loaded in (("", "False"), ("redis://127.0.0.1:1/0", "True")):
        command = [sys.executable, "-c", code, url]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        assert done.stdout.strip() == loaded
