"""Files that a worker makes when they are first asked for: the sweep may remove one at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from flask.testing import FlaskClient
from front_door import b64, png

from service.jobs.leases import Claim, Leases
from service.jobs.registry import WorkerRegistry
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.lanes import ENGINE
from service.storage.records import TaskResult


def test_a_pack_that_is_gone_as_soon_as_it_was_made_can_be_asked_for_again(
    client: FlaskClient, database: Database, leases: Leases
) -> None:
    WorkerRegistry(database).heartbeat("host:1", Capacity(None, "float32"), "a" * 64, ENGINE)
    picture = b64(png(np.full((40, 40, 3), 90, np.uint8)))
    assert client.put("/v1/styles/plain", json={"images": [{"image": picture}]}).status_code == 201
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(client.get, "/v1/styles/plain/pack")
        leases.succeed(_claimed(leases), TaskResult([32]))
        answer = asking.result(60)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1")


def _claimed(leases: Leases) -> Claim:
    end = time.monotonic() + 60
    while (claim := leases.claim("host:1", {})) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return claim
