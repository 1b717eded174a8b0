"""The roll of live workers: who is on it, and what they have for a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.jobs.registry import DEAD_AFTER_S, Roll, worker_id
from service.machine.memory import Room
from service.storage.database import Database
from service.storage.schema import WorkerRow

SMALL, LARGE, GPU = Room(2**30, "float32"), Room(2**36, "bfloat16"), Room(None, "bfloat16")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def roll(database: Database) -> Roll:
    return Roll(database)


def test_an_empty_roll_has_nobody(roll: Roll) -> None:
    assert roll.alive() == 0
    assert roll.rooms() == set()


def test_workers_say_what_they_have_for_a_job(roll: Roll) -> None:
    for process, room in enumerate((SMALL, LARGE, GPU, GPU)):
        roll.sign(worker_id("here", process), room)
    assert roll.alive() == 4
    assert roll.rooms() == {SMALL, LARGE, GPU}


def test_the_last_word_of_a_worker_counts_until_it_leaves(roll: Roll) -> None:
    roll.sign("here:1", SMALL)
    roll.sign("here:1", LARGE)
    assert roll.rooms() == {LARGE}
    roll.leave("here:1")
    assert roll.rooms() == set()


def test_a_worker_that_was_not_seen_for_long_does_not_count(roll: Roll, database: Database) -> None:
    roll.sign("here:1", SMALL)
    roll.sign("here:2", LARGE)
    with database.writing() as session:
        session.get_one(WorkerRow, "here:2").seen_at -= DEAD_AFTER_S + 1
    assert roll.alive() == 1
    assert roll.rooms() == {SMALL}


def test_a_host_forgets_its_own_workers_only(roll: Roll) -> None:
    roll.sign(worker_id("here", 1), SMALL)
    roll.sign(worker_id("there", 1), LARGE)
    roll.forget("here")
    assert roll.rooms() == {LARGE}
