"""Jobs for the tests of the queue: rows whose request nobody carries out."""

from __future__ import annotations

from typing import Any

from service.jobs.leases import Claim, Leases
from service.jobs.queue import Queue, Submission, new_id

ASKED: dict[str, Any] = {
    "content": {"sha256": "c", "width": 8, "height": 8},
    "styles": [],
    "first": None,
    "options": {"iterations": 10},
}


def submit(queue: Queue, owner: str = "", **terms: Any) -> str:
    """A new job's id."""
    return queue.submit(Submission(new_id(), ASKED, owner, **terms)).id


def claimed(leases: Leases, worker: str = "host:1") -> Claim:
    """The next job, which must be there."""
    claim = leases.claim(worker, {})
    assert claim is not None
    return claim


def checkpoint(iteration: int) -> dict[str, Any]:
    return {"blob": f"checkpoint-{iteration}", "progress": {"iteration": iteration, "fraction": iteration / 10}}
