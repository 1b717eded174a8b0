"""The database goes away and comes back; the disk is full: clear errors, no half file, and later jobs run."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.jobs_to_do import LONG, SHORT, STYLE, begun, times_begun
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


AWAY = {
    "blobs": "its file store/id can't be reached (No such file or directory): was it moved away",
    "service.db": "isn't there any more: was it moved away? See NST_DATA; this process goes on when it can",
}


@pytest.mark.parametrize("moved", AWAY)
def test_a_job_outlives_that_its_files_are_moved_away_and_back(service: RunningService, moved: str) -> None:
    """So it does where its worker dies meanwhile: the next one puts nothing in their place, and waits."""
    id = begun(service, LONG | {"iterations": 150})
    waiting = service.post(SHORT).json()["id"]
    place, aside = service.data / moved, service.data / "aside"
    place.rename(aside)
    assert service.get("/readyz").status_code == service.post(SHORT).status_code == 503
    for worker in service.children("service worker"):
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: AWAY[moved] in service.log.read_text(), 60, "the next worker does not say what it waits for")
    assert not place.exists()
    aside.rename(place)
    eventually(service.is_ready, 30, "the service did not find its files again")
    assert [service.ended(id)["status"] for id in (id, waiting)] == ["succeeded"] * 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder],  # noqa: S607 - wherever it is
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mount.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


def test_a_full_disk_fails_a_job_clearly_and_later_ones_run(
    narrow_model: Path, tmp_path: Path, small_disk: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with RunningService(narrow_model, data, blobs=small_disk.as_uri()) as service:
        id = begun(service, LONG | {"iterations": 150})
        filler = small_disk / "filler"
        fill(filler)
        job = service.ended(id)
        assert job["status"] == "failed"
        assert "no room" in job["error"]["detail"]
        refused = service.post(SHORT)
        assert refused.status_code == 507
        assert "disk is nearly full" in refused.json()["detail"]
        assert service.put_style("other", STYLE).status_code == 507
        filler.unlink()
        assert service.transfer(STYLE, {"preset": "kept"}, size=64, iterations=5)["status"] == "succeeded"
        assert not [path for path in small_disk.rglob("*") if "#" in path.name or path.stat().st_size == 0]


def fill(file: Path) -> None:
    """Take up all the room there is."""
    with file.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        for size in (2**16, 1):
            while out.write(os.urandom(size)) == size:
                pass
