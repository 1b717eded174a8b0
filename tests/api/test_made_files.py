"""Files that a worker makes when they are first asked for: the sweep may remove one at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from flask.testing import FlaskClient
from front_door import b64, png
from styles.pack_files import some_pack

from service.api.context import KEY
from service.jobs.leases import Claim, Leases
from service.jobs.registry import WorkerRegistry
from service.machine.memory import BASE, Capacity
from service.storage.database import Database
from service.storage.lanes import ENGINE
from service.storage.records import PresetPainter, TaskResult
from service.styles.preset_painters import PackedPainter


@pytest.mark.parametrize("end", [lambda leases, claim: leases.succeed(claim, TaskResult([32])), Leases.cancel])
def test_a_pack_that_was_removed_while_it_was_made_can_be_asked_for_again(
    client: FlaskClient, database: Database, leases: Leases, end: Callable[[Leases, Claim], None]
) -> None:
    _put_preset(client, database)
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(client.get, "/v1/styles/plain/pack")
        end(leases, _claimed(leases))
        answer = asking.result(60)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "1")


@pytest.mark.parametrize("path", ["/v1/styles/plain/pack", "/v1/styles/packed/painter/model"])
@pytest.mark.parametrize("said", [{"Sec-Fetch-Site": "cross-site"}, {"Referer": "http://evil.example/"}])
def test_no_page_of_another_site_has_one_made(
    client: FlaskClient, database: Database, leases: Leases, path: str, said: dict[str, str]
) -> None:
    _put_preset(client, database)
    pack = some_pack()
    painter = PackedPainter(b"weights", PresetPainter(sha256="5" * 64, size=64))
    client.application.extensions[KEY].presets.put_pack("packed", pack.to_bytes(), pack, painter=painter)
    assert client.get(path, headers=said).status_code == 403
    assert client.head(path, headers=said).status_code == 403
    assert leases.claim("host:1", {}) is None


def test_a_pack_that_no_worker_has_the_memory_for_is_refused(client: FlaskClient, database: Database) -> None:
    _put_preset(client, database, memory=BASE)
    answer = client.get("/v1/styles/plain/pack")
    assert (answer.status_code, (answer.json or {})["type"]) == (422, "urn:nst:problem:does-not-fit")


def _put_preset(client: FlaskClient, database: Database, memory: int | None = None) -> None:
    """Save the preset "plain"; what else it takes is a worker's model, which is that of `some_pack` too."""
    WorkerRegistry(database).heartbeat("host:1", Capacity(memory, "float32"), "a" * 64, ENGINE)
    picture = b64(png(np.full((40, 40, 3), 90, np.uint8)))
    assert client.put("/v1/styles/plain", json={"images": [{"image": picture}]}).status_code == 201


def _claimed(leases: Leases) -> Claim:
    end = time.monotonic() + 60
    while (claim := leases.claim("host:1", {})) is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return claim
