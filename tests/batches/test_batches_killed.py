"""A batch of 100 photographs outlives the death of its worker: none is lost, and none is painted twice."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import pytest
from batches.painting import RECIPE, Batching, photo
from front_door import b64, eventually
from webhooks.receiver import Receiver

pytestmark = pytest.mark.slow

PHOTOS = 100


def jobs_of_all(service: Batching) -> int:
    """Return how many jobs have ended, as /v1/usage counts them."""
    rows: list[dict[str, Any]] = service.get("/v1/usage").json()["items"]
    return sum(row["jobs"] for row in rows)


def test_a_hundred_photographs_and_kill_9_in_the_middle(batching: Batching) -> None:
    before = jobs_of_all(batching)
    with Receiver() as receiver:
        recipe = RECIPE | {"iterations": 8, "callback_url": receiver.url()}
        made = batching.made([b64(photo(i)) for i in range(PHOTOS)], recipe)
        eventually(lambda: batching.shown(made["id"])["counts"]["succeeded"] > PHOTOS // 3, 120, "too slow")
        for pid in batching.children("service worker"):
            os.kill(pid, signal.SIGKILL)
        struck = batching.shown(made["id"])["counts"]
        assert struck["queued"] > 0, struck
        done = batching.batch_ended(made["id"], 240)
        eventually(lambda: receiver.received, 30, "no webhook came")
    assert done["counts"] == {
        "total": PHOTOS, "queued": 0, "running": 0, "succeeded": PHOTOS, "failed": 0, "canceled": 0
    }  # fmt: skip
    items = batching.items(made["id"])
    assert [item["index"] for item in items] == list(range(PHOTOS))
    assert len({item["id"] for item in items}) == PHOTOS
    assert jobs_of_all(batching) - before == PHOTOS
    log = batching.log.read_text()
    begun = Counter({item["id"]: log.count(f"job {item['id']}: begun") for item in items})
    assert set(begun.values()) <= {1, 2}
    assert sum(times == 2 for times in begun.values()) <= 1  # that which the worker was at
    assert len(receiver.received) == 1
