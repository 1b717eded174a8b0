"""Workers that die early in their attempts at a job: it gets further in each, or is given up."""

from __future__ import annotations

from pathlib import Path

import pytest
from jobs.stepped import State
from jobs.submitting import claimed, submit

from service.jobs.attempts import MAX_ATTEMPTS
from service.jobs.leases import Leases
from service.jobs.queue import Queue
from service.storage.blobs import Blobs
from service.storage.schema import JobRow
from service.worker.checkpoints import CHECKPOINT_S, read_checkpoint
from service.worker.reporter import Reporter

STEPS = 16  # in the seconds between two checkpoints


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.db"


class Attempts:
    """Attempts at the only job whose workers die; only steps take time."""

    def __init__(self, hasty: Leases, blobs: Blobs, clock: list[float]) -> None:
        self._leases, self._blobs, self._clock = hasty, blobs, clock

    def die_at(self, step: int, most: int = 1000) -> int:
        """Go on until a step, but for so many steps at most; return the step that the next attempt goes on after."""
        claim = claimed(self._leases)
        reporter = Reporter(self._leases, self._blobs, claim, lambda: False, 60)
        begun = read_checkpoint(self._blobs, claim, int) or 0
        for done in range(begun + 1, min(step, begun + 1 + most)):
            self._clock[0] += CHECKPOINT_S / STEPS
            reporter.on_progress(State(done))
        with self._leases.database.reading() as session:
            row = session.query(JobRow).one()
        return row.checkpoint.progress.iteration if row.checkpoint else 0


@pytest.fixture
def attempts(hasty: Leases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    return Attempts(hasty, Blobs(tmp_path.as_uri()), clock)


def test_each_attempt_after_the_first_comes_further_by_all_its_first_steps(queue: Queue, attempts: Attempts) -> None:
    id = submit(queue)
    assert attempts.die_at(12) == 0  # the first one stores nothing yet
    assert [attempts.die_at(12, most=1) for _ in range(2 * MAX_ATTEMPTS)] == [*range(1, 1 + 2 * MAX_ATTEMPTS)]
    assert attempts.die_at(12) == 11
    assert queue.get(id).status == "running"


def test_a_job_whose_workers_die_at_the_same_step_is_given_up(
    queue: Queue, hasty: Leases, attempts: Attempts
) -> None:
    id = submit(queue)
    assert [attempts.die_at(12) for _ in range(1 + MAX_ATTEMPTS)] == [0, *[11] * MAX_ATTEMPTS]
    assert hasty.claim("host:9", {}) is None
    assert queue.get(id).status == "failed"


def test_later_steps_of_an_attempt_bring_no_checkpoint_each(queue: Queue, attempts: Attempts) -> None:
    submit(queue)
    attempts.die_at(2)
    assert attempts.die_at(STEPS + 8) == STEPS
    assert attempts.die_at(3 * STEPS + 8) == 3 * STEPS


def test_an_attempt_after_one_that_was_given_back_stores_no_more_than_the_first(
    queue: Queue, leases: Leases, attempts: Attempts
) -> None:
    submit(queue)
    leases.give_back(claimed(leases))
    assert attempts.die_at(12) == 0
