"""The database or the files go away and come back: clear errors, and no job is lost."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest
from faults.jobs_to_do import LONG, SHORT, begun, times_begun
from front_door import RunningService, eventually
from servers.postgresql import PostgreSQL

pytestmark = pytest.mark.slow


def test_a_locked_database_delays_a_job_and_does_not_fail_it(service: RunningService) -> None:
    id = begun(service, LONG | {"iterations": 150})
    with contextlib.closing(sqlite3.connect(service.data / "service.db", timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(33)  # longer than a writer waits
        other.rollback()
    assert service.ended(id)["status"] == "succeeded"


def test_a_restarted_database_delays_and_fails_nothing(on_postgresql: RunningService, postgresql: PostgreSQL) -> None:
    with on_postgresql as service:
        id = begun(service, LONG | {"iterations": 200})
        waiting = service.post(SHORT).json()["id"]
        postgresql.stop()
        try:
            response = service.get(f"/v1/transfers/{id}")
            assert (response.status_code, response.json()["title"]) == (503, "Storage error")
            time.sleep(2)
        finally:
            postgresql.start()
        eventually(service.is_ready, 30, "the service did not find its database again")
        assert [service.ended(id)["status"] for id in (id, waiting)] == ["succeeded"] * 2
        assert times_begun(service, id) <= 2


@pytest.mark.parametrize("moved", ["blobs", "service.db"])
def test_a_job_outlives_that_its_files_are_moved_away_and_back(service: RunningService, moved: str) -> None:
    id = begun(service, LONG | {"iterations": 150})
    waiting = service.post(SHORT).json()["id"]
    place, aside = service.data / moved, service.data / "aside"
    place.rename(aside)
    assert service.get("/readyz").status_code == service.post(SHORT).status_code == 503
    time.sleep(3)
    assert not place.exists()
    aside.rename(place)
    eventually(service.is_ready, 30, "the service did not find its files again")
    assert [service.ended(id)["status"] for id in (id, waiting)] == ["succeeded"] * 2
