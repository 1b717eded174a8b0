"""A worker that ends between the pictures of a transfer: those that are done are not painted again."""

from __future__ import annotations

import hashlib
import os
import signal
from typing import Any

import pytest
from faults.jobs_to_do import SHORT, STYLE, checkpointed, checkpoints, times_begun
from front_door import RunningService, eventually, within

pytestmark = pytest.mark.slow

TRIES = 4
FIRST = 6  # iterations of the first picture
LAST = {"iterations": 9, "init": "random"}
BODY = SHORT | {"size": 96, "tolerance": 0, "variants": [{"iterations": FIRST}, {"iterations": 200}, LAST]}
LONGER = BODY | {"variants": [{"iterations": FIRST}, {"iterations": 800, "optimizer": "adam"}, LAST]}

OTHERS = BODY | {"variants": [{"iterations": FIRST}, {"iterations": 0}, LAST]}


def files(service: RunningService, id: str) -> list[str]:
    """The pictures that lie in a job's folder: each name tells the claim that made it, and which it is."""
    return sorted(path.name for path in (service.data / "blobs" / "jobs" / id).glob("result-*"))


def at_second_picture(service: RunningService, body: dict[str, Any]) -> str:
    """The id of a job whose first picture is done and whose second one is begun."""
    service.put_style("kept", STYLE)
    id: str = service.post(body).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > FIRST, 30, "the second picture is not begun")
    assert files(service, id) == ["result-1-0.png"]
    return id


def end_worker(service: RunningService, id: str, how: signal.Signals) -> None:
    """End the worker in the middle of the second picture, and wait until another one goes on with it."""
    begun = times_begun(service, id)
    for pid in service.children("service worker"):
        os.kill(pid, how)
    within(lambda: times_begun(service, id) == begun + 1, 40, "not taken over")
    assert service.job(id)["progress"]["iteration"] >= FIRST


def pictures(service: RunningService, id: str) -> list[dict[str, Any]]:
    """Return the three pictures of a job's result, after a look at their bytes."""
    job = service.ended(id)
    assert job["status"] == "succeeded", job["error"]
    variants: list[dict[str, Any]] = job["result"]["variants"]
    for i, variant in enumerate(variants):
        data = service.get(f"/v1/transfers/{id}/image?variant={i}").content
        assert hashlib.sha256(data).hexdigest() == variant["sha256"]
    assert service.get(job["links"]["sheet"]).status_code == 200
    assert len(variants) == 3
    return variants


def test_a_killed_workers_pictures_are_kept_and_the_others_painted_as_ever(service: RunningService) -> None:
    """Killed before the second picture has a checkpoint: that one begins anew."""
    for _ in range(TRIES):
        id = at_second_picture(service, BODY)
        first = service.data / "blobs" / "jobs" / id / "result-1-0.png"
        written = first.stat().st_mtime_ns
        end_worker(service, id, signal.SIGKILL)
        if not any(name.startswith("checkpoint-1-") for name in checkpoints(service, id)):
            break  # else the machine was so busy that a checkpoint was due
        service.cancel_all()
    else:
        pytest.fail("the second picture always had a checkpoint")
    made = pictures(service, id)
    assert files(service, id) == ["result-1-0.png", "result-2-1.png", "result-2-2.png"]
    assert first.stat().st_mtime_ns == written
    assert made == pictures(service, service.post(BODY).json()["id"])


def test_the_second_picture_goes_on_at_its_checkpoint(service: RunningService) -> None:
    """So it does once more: the checkpoint of the worker that went on names the picture that another one had made."""
    id = at_second_picture(service, LONGER)
    for claim in (1, 2):
        reached = checkpointed(service, id, claim)
        assert reached > FIRST
        end_worker(service, id, signal.SIGKILL)
        assert service.job(id)["progress"]["iteration"] >= reached / 3
    made = pictures(service, id)
    assert files(service, id) == ["result-1-0.png", "result-3-1.png", "result-3-2.png"]
    assert checkpoints(service, id) == []
    undisturbed = pictures(service, service.post(OTHERS).json()["id"])
    assert [made[0], made[2]] == [undisturbed[0], undisturbed[2]]
    assert made[1]["losses"]["total"] < 0.5 * made[0]["losses"]["total"]


def test_a_drained_workers_second_picture_goes_on_where_it_was(service: RunningService) -> None:
    id = at_second_picture(service, BODY)
    end_worker(service, id, signal.SIGTERM)
    made = pictures(service, id)
    assert files(service, id) == ["result-1-0.png", "result-2-1.png", "result-2-2.png"]
    undisturbed = pictures(service, service.post(BODY).json()["id"])
    assert [made[0], made[2]] == [undisturbed[0], undisturbed[2]]
    ends = [variants[1]["losses"]["total"] for variants in (made, undisturbed)]
    assert ends[0] == pytest.approx(ends[1], rel=0.05)
