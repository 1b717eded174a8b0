"""The registry of live workers: who is in it, and what they have for a job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.jobs.registry import DEAD_AFTER_S, WorkerRegistry, worker_id
from service.machine.memory import Capacity
from service.storage.database import Database
from service.storage.schema import WorkerRow

SMALL, LARGE, GPU = Capacity(2**30, "float32"), Capacity(2**36, "bfloat16"), Capacity(None, "bfloat16")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def registry(database: Database) -> WorkerRegistry:
    return WorkerRegistry(database)


def test_an_empty_registry_has_nobody(registry: WorkerRegistry) -> None:
    assert registry.alive() == 0
    assert registry.capacities() == set()


def test_workers_say_what_they_have_for_a_job(registry: WorkerRegistry) -> None:
    for process, room in enumerate((SMALL, LARGE, GPU, GPU)):
        registry.heartbeat(worker_id("here", process), room)
    assert registry.alive() == 4
    assert registry.capacities() == {SMALL, LARGE, GPU}


def test_the_last_word_of_a_worker_counts_until_it_leaves(registry: WorkerRegistry) -> None:
    registry.heartbeat("here:1", SMALL)
    registry.heartbeat("here:1", LARGE)
    assert registry.capacities() == {LARGE}
    registry.remove("here:1")
    assert registry.capacities() == set()


def test_a_worker_that_was_not_seen_for_long_does_not_count(registry: WorkerRegistry, database: Database) -> None:
    registry.heartbeat("here:1", SMALL)
    registry.heartbeat("here:2", LARGE)
    with database.writing() as session:
        session.get_one(WorkerRow, "here:2").seen_at -= DEAD_AFTER_S + 1
    assert registry.alive() == 1
    assert registry.capacities() == {SMALL}


def test_a_worker_that_was_last_seen_before_the_clock_was_set_back_does_not_count(
    registry: WorkerRegistry, database: Database
) -> None:
    registry.heartbeat("here:1", SMALL)
    with database.writing() as session:
        session.get_one(WorkerRow, "here:1").seen_at += 3600
    assert registry.alive() == 0
    registry.heartbeat("here:1", SMALL)
    assert registry.alive() == 1


def test_a_host_forgets_its_own_dead_workers_only(registry: WorkerRegistry) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    registry.heartbeat(worker_id("here", ended.pid), SMALL)
    registry.heartbeat(worker_id("here", os.getpid()), GPU)  # of another `serve` on the same data
    registry.heartbeat(worker_id("there", ended.pid), LARGE)
    registry.remove_dead("here")
    assert registry.capacities() == {GPU, LARGE}
