"""The meter of a job: whose CPU time is on its bill."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from front_door import eventually, png
from jobs.submitting import ended_job

from service.config import Settings
from service.decoding import files, lanes
from service.decoding.allowance import Allowance
from service.decoding.messages import Reply
from service.jobs.meter import Meter
from service.jobs.outbox import enqueue
from service.machine.beside import BESIDE
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.webhooks.dispatcher import WebhookDispatcher


def test_decoders_are_on_the_bill(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(task: str, file: object, seconds: float, allowance: Allowance, **settings: object) -> Any:
        allowance.spend(7.0)
        return Reply(), [picture]

    picture = np.zeros((20, 30, 3), np.uint8)
    monkeypatch.setattr(lanes, "run", run)
    meter, learning = Meter(), Meter(reads=False)
    files.decode(png(picture))
    assert 7 <= meter.usage().compute_s < 8
    assert meter.usage().megapixel_evaluations == 6e-6
    assert learning.usage().megapixel_evaluations == 0
    assert Meter().usage().compute_s < 1


def test_what_runs_beside_a_job_is_not_on_its_bill() -> None:
    def work() -> None:
        with BESIDE.counted():
            while time.thread_time() < 0.2:
                pass
            worked.set()
            may_end.wait()

    for other_job in (False, True):
        worked, may_end = threading.Event(), threading.Event()
        thread = threading.Thread(target=work)
        before, meter = BESIDE.seconds(), Meter()
        thread.start()
        worked.wait()
        running = meter.usage().compute_s
        meter = Meter() if other_job else meter
        may_end.set()
        thread.join()
        assert BESIDE.seconds() - before > 0.1
        assert max(running, meter.usage().compute_s) < 0.1


def test_deliveries_run_beside_the_jobs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def watched(name: str, then: Any) -> None:
        def call(*args: Any) -> None:
            counted[name] = time.pthread_getcpuclockid(threading.get_ident()) in BESIDE._begun
            then(*args)

        monkeypatch.setattr(WebhookDispatcher, name, call)

    counted: dict[str, bool] = {}
    watched("_begin", WebhookDispatcher._begin)
    watched("_send", lambda *args: None)
    with database.writing() as session:
        enqueue(session, ended_job(session, "a"), "http://127.0.0.1/", {})
    dispatcher = WebhookDispatcher(Settings(webhook_hosts=("127.0.0.1",)), database, Blobs("memory:///"))
    dispatcher.start()
    eventually(lambda: "_send" in counted, 30, "nothing was sent")
    dispatcher.stop()
    assert counted == {"_begin": True, "_send": True}
    assert not BESIDE._begun
