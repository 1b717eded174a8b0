"""Jobs where Celery runs the workers: whatever happens to messages, broker and processes, the row decides."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from broker.parts import Part, libraries_of, parent_of, pool_of, signal_group, worker_on
from faults.jobs_to_do import LONG, SHORT, STYLE, begun, checkpointed, times_begun
from front_door import RunningService, eventually, within
from redis import Redis as Client
from servers.redis import Redis

from service.broker.messages import WAKE, make_app
from service.jobs.registry import process_of
from service.storage.database import Database

pytestmark = pytest.mark.slow

RECEIVED = f"Task {WAKE}"
HANGS = """
import time
from service.broker import pool
from service.commands import worker

def make_hanging(settings, stopping, make=pool._make_child):
    child = make(settings, stopping)
    from service.worker.transfer import TransferRun
    TransferRun.work = lambda run: time.sleep(600)
    return child

pool._make_child = make_hanging
worker.run(None)
"""


@pytest.fixture(scope="module")
def shared(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, redis: Redis) -> Iterator[RunningService]:
    """`serve` with a pool of processes, not yet started; leases last longer than a test."""
    redis.start()
    with Client.from_url(redis.url) as client:
        client.flushall()
    settings = {"lease_s": 120, "broker_url": redis.url}
    service = RunningService(narrow_model, tmp_path_factory.mktemp("pool"), **settings)
    yield service
    service.stop_if_up()


@pytest.fixture
def broker(redis: Redis) -> Iterator[Redis]:
    """A Redis that a test may stop; it isn't emptied, because the service of all these tests uses it."""
    redis.start()
    yield redis
    redis.start()


@pytest.fixture
def service(shared: RunningService, broker: Redis) -> Iterator[RunningService]:
    """The service with two idle processes that messages reach, started if no test did or one has ended it.

    Its log begins with the test.
    """
    yield from with_idle(shared, broker, 2)


@pytest.fixture
def small(shared: RunningService, broker: Redis) -> Iterator[RunningService]:
    """The service as above with one process, for tests that end the whole pool: each costs a new one."""
    yield from with_idle(shared, broker, 1)


def with_idle(service: RunningService, broker: Redis, processes: int) -> Iterator[RunningService]:
    if service.env.get("NST_WORKERS") != str(processes):
        service.stop_if_up()
        service.env["NST_WORKERS"] = str(processes)
    if not service.is_up():
        service.start()
    service.put_style("kept", STYLE)
    eventually(lambda: all_ready(service, processes), 60, f"no {processes} processes")
    service.cancel_all()  # what a test left that stopped the service
    os.truncate(service.log, 0)
    make_app(broker.url).send_task(WAKE)
    eventually(lambda: RECEIVED in service.log.read_text(), 60, "no message reaches the pool")
    os.truncate(service.log, 0)
    yield service
    if service.is_up():
        service.cancel_all()


def all_ready(service: RunningService, processes: int) -> bool:
    """Return whether all of the pool's processes count as workers; while it is made anew it has no parent."""
    workers = service.children("service worker")
    children = {pid for pid in workers if parent_of(pid) in workers}
    with closing(sqlite3.connect(service.data / "service.db", timeout=20)) as connection:
        ready = {process_of(id) for (id,) in connection.execute("SELECT id FROM roll")}
    return len(children) == processes and children <= ready


def apart(broker: Redis) -> str:
    """Return the URL of another queue than the one of the shared service."""
    return broker.url.removesuffix("/0") + "/1"


def alive(service: RunningService) -> list[int]:
    return pool_of(service)[1]


def assert_given_back(service: RunningService, *ids: str) -> None:
    """Assert by the log that jobs were given back, and that no process was killed."""
    log = service.log.read_text()
    assert all(f"job {id}: given back" in log for id in ids), log
    assert "killed" not in log, log


def test_a_post_wakes_a_process_that_carries_the_job_out(service: RunningService) -> None:
    job = service.ended(service.post(SHORT).json()["id"])
    assert job["status"] == "succeeded"
    assert RECEIVED in service.log.read_text()


def test_the_parent_of_the_pool_loads_neither_torch_nor_onnx_runtime(service: RunningService) -> None:
    parent, children = pool_of(service)
    for library in ("libtorch", "onnxruntime", "libcudart"):
        assert library not in libraries_of(parent)
    assert all("libtorch" in libraries_of(child) for child in children)


def test_a_message_sent_fifty_times_has_each_job_done_once(service: RunningService, broker: Redis) -> None:
    app = make_app(broker.url)
    ids = [service.post(SHORT | {"seed": seed}).json()["id"] for seed in range(5)]
    for _ in range(50):
        app.send_task(WAKE)
    assert {service.ended(id)["status"] for id in ids} == {"succeeded"}
    eventually(lambda: service.log.read_text().count(f"{RECEIVED}[") >= 2 * 55, 30, "messages are left")
    assert [times_begun(service, id) for id in ids] == [1] * 5


def test_jobs_run_while_the_broker_is_down_and_are_woken_again_after(service: RunningService, broker: Redis) -> None:
    broker.stop()
    ids = [service.post(SHORT | {"seed": seed}).json()["id"] for seed in range(3)]
    assert {service.ended(id)["status"] for id in ids} == {"succeeded"}

    broker.start()
    connected = "Connected to redis"
    eventually(lambda: service.log.read_text().count(connected) == 1, 60, "did not find the new broker")
    before = service.log.read_text().count(RECEIVED)

    def is_woken() -> bool:  # the web side tries again after some seconds
        service.ended(service.post(SHORT).json()["id"])
        return service.log.read_text().count(RECEIVED) > before

    eventually(is_woken, 30, "nobody is woken")


def test_sigterm_to_one_process_gives_its_job_to_another(service: RunningService) -> None:
    id = begun(service)
    children = alive(service)
    os.kill(worker_on(service, id, children), signal.SIGTERM)
    eventually(lambda: times_begun(service, id) == 2, 60, "not taken up again")
    assert_given_back(service, id)
    eventually(lambda: len(alive(service)) == 2 and alive(service) != children, 30, "not replaced")


def test_a_killed_process_is_replaced_and_its_job_goes_on_at_its_checkpoint(service: RunningService) -> None:
    id = begun(service)
    reached = checkpointed(service, id)
    children = alive(service)
    os.kill(worker_on(service, id, children), signal.SIGKILL)
    eventually(lambda: times_begun(service, id) == 2, 60, "not taken over before its lease ran out")
    assert service.job(id)["progress"]["iteration"] >= reached / 3
    eventually(lambda: len(alive(service)) == 2 and alive(service) != children, 30, "not replaced")


def test_a_process_that_dies_while_the_broker_is_down_is_replaced(service: RunningService, broker: Redis) -> None:
    broker.stop()
    children = alive(service)
    for child in children:
        os.kill(child, signal.SIGKILL)
    eventually(lambda: len(set(alive(service)) - set(children)) == 2, 30, "not replaced")
    assert service.ended(service.post(SHORT).json()["id"])["status"] == "succeeded"


def test_no_process_outlives_a_killed_parent_and_the_job_goes_on(service: RunningService) -> None:
    id = begun(service)
    parent, children = pool_of(service)
    os.kill(parent, signal.SIGKILL)
    eventually(lambda: not set(children) & set(service.children("service worker")), 60, "orphans are left")
    eventually(lambda: times_begun(service, id) == 2, 30, "not taken up again")


def test_sigterm_gives_the_jobs_back_and_ends_everything_in_time(service: RunningService) -> None:
    ids = [begun(service), begun(service)]
    assert service.stop() == 0
    assert_given_back(service, *ids)
    service.env["NST_WORKERS"] = "1"  # as the tests below have it
    service.start()
    for id in ids:
        eventually(lambda id=id: times_begun(service, id) == 2, 30, "not taken up again")
        service.cancel(id)


def test_sighup_gives_the_job_back_and_serve_starts_the_pool_anew(small: RunningService) -> None:
    id = begun(small)
    parent, _ = pool_of(small)
    os.kill(parent, signal.SIGHUP)
    within(lambda: parent not in small.children("service worker"), 40, "the pool goes on")
    within(lambda: times_begun(small, id) > 1, 40, "not taken up again")
    assert_given_back(small, id)
    eventually(lambda: small.children("service worker"), 30, "no new pool")


def test_ctrl_c_that_reaches_every_process_twice_gives_the_job_back(small: RunningService) -> None:
    id = begun(small, LONG | {"size": 1200, "levels": 1})
    signal_group(small, signal.SIGINT)
    time.sleep(0.05)
    signal_group(small, signal.SIGINT)
    eventually(lambda: not small.children("service worker"), 60, "the pool does not end")
    assert_given_back(small, id)
    small.stop()


def test_sigterm_is_obeyed_while_the_broker_is_silent(small: RunningService, broker: Redis) -> None:
    id = begun(small)
    with Client.from_url(broker.url) as client:
        process = client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        assert small.stop() == 0
    finally:
        os.kill(process, signal.SIGCONT)
    assert_given_back(small, id)


def test_sigterm_is_obeyed_while_the_broker_is_down(small: RunningService, broker: Redis) -> None:
    id = begun(small)
    broker.stop()
    assert small.stop() == 0
    assert_given_back(small, id)


def test_a_pool_that_nobody_wakes_tries_again_to_begin_takes_a_job_and_waits_for_no_step(
    narrow_model: Path, tmp_path: Path, broker: Redis
) -> None:
    """Its model comes late, the web server sends no messages, and a step of the job takes too long."""
    model, url = tmp_path / "late.onnx", f"sqlite:///{tmp_path}/service.db"
    places = {"database_url": url, "blobs": (tmp_path / "blobs").as_uri()}
    Database(url).close()
    worker = Part("worker", model, tmp_path / "worker", broker_url=apart(broker), **places)
    worker.command = [sys.executable, "-c", HANGS]
    with worker:
        eventually(lambda: worker.log.read_text().count("can't begin") == 1, 60, "not tried again")
        shutil.copy(narrow_model, model)
        with Part("web", narrow_model, tmp_path / "web", **places) as web:
            eventually(web.is_ready, 60, "not tried again")
            web.put_style("kept", STYLE)
            id = web.post(SHORT).json()["id"]
            eventually(lambda: times_begun(worker, id), 60, "not begun")
        assert RECEIVED not in worker.log.read_text()
        assert worker.stop() == 0
        assert_given_back(worker, id)
