"""Two worker hosts share the jobs of one web server, and one of them dies."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import requests
from front_door import b64, eventually, png
from scale.conftest import Hosts
from sqlalchemy import select

from service.jobs.request import job_folder
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.schema import JobRow

pytestmark = pytest.mark.slow

JOBS = 10
PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
STYLE = png(np.random.default_rng(1).integers(0, 120, (70, 70, 3), np.uint8))
BODY = {
    "content": b64(PICTURE),
    "styles": [{"image": b64(STYLE)}],
    "size": 128,
    "iterations": 100,
    "tolerance": 0,
    "init": "random",
}


def test_every_job_is_done_once_though_a_host_dies_in_the_middle_and_streams_tell_of_it(hosts: Hosts) -> None:
    web, (left, right) = hosts.web, hosts.workers
    ids = [web.post(BODY | {"seed": seed}).json()["id"] for seed in range(JOBS)]
    eventually(lambda: lines(left, "begun") and lines(right, "begun"), 30, "one host has nothing to do")
    eventually(lambda: lines(left, "begun") - lines(left, "succeeded"), 30, "nothing under way")
    left.kill_everything()
    orphaned = lines(left, "begun") - lines(left, "succeeded")
    assert web.answers("/livez")

    with requests.get(f"{web.url}/v1/transfers/{ids[-1]}/events", stream=True, timeout=60) as response:
        events = [line.removeprefix("event: ") for line in told(response) if line.startswith("event: ")]
    assert events[0] == "progress"
    assert events[-1] == "done"
    assert {web.ended(id)["status"] for id in ids} == {"succeeded"}
    assert orphaned & lines(right, "begun"), "what the dead host had begun is taken over"
    done = listed(left, "succeeded") + listed(right, "succeeded")
    assert len(done) == len(set(done)), "a job is done twice"
    assert [kept(hosts, id) for id in ids] == [(1, True)] * JOBS
    pictures = {web.picture(web.job(id)).tobytes() for id in ids}
    assert len(pictures) == JOBS, "a job has another one's picture"


def told(response: requests.Response) -> list[str]:
    """The lines of a stream up to its end."""
    return [line for line in response.iter_lines(decode_unicode=True) if line]


def listed(host: Any, what: str) -> list[str]:
    """The jobs of which a worker host says this in its log, each as often as it does."""
    return re.findall(rf"job (\w+): {what}", host.log.read_text())


def lines(host: Any, what: str) -> set[str]:
    return set(listed(host, what))


def kept(hosts: Hosts, id: str) -> tuple[int, bool]:
    """Return how many results a job has left in the blobs, and whether the one that its row names is among them."""
    database = Database(hosts.stores["database_url"])
    try:
        with database.reading() as session:
            row = session.scalars(select(JobRow).where(JobRow.id == id)).one()
    finally:
        database.close()
    keys = [blob.key for blob in Blobs(hosts.stores["blobs"]).listing(job_folder(id))]
    results = [key for key in keys if "/result-" in key]
    return len(results), row.transfer_result is not None and row.transfer_result.pictures[0].blob in results
