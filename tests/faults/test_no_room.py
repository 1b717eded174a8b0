"""A whole service on a disk that is full: it refuses, lets go of what is old or unwanted, and heals by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import requests
from faults.jobs_to_do import LONG, SHORT, STYLE, begun
from front_door import RunningService, b64, eventually, png

pytestmark = pytest.mark.slow


@contextmanager
def mounted(folder: Path, mib: int) -> Iterator[Path]:
    """A disk of some MiB at an empty folder; where none can be mounted, the folder alone."""
    folder.mkdir()
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "nst-test", folder]
    is_mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder
    if is_mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)  # noqa: S607


def skip_unless_mounted(folder: Path) -> None:
    if not folder.is_mount():
        pytest.skip("only root may mount a small file system, and not everywhere")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    with mounted(tmp_path / "disk", 48) as folder:
        yield folder


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 4 MiB."""
    with mounted(tmp_path_factory.mktemp("disk") / "small", 4) as folder:
        yield folder


@pytest.fixture(scope="module")
def tight(narrow_model: Path, tmp_path_factory: pytest.TempPathFactory, small_disk: Path) -> Iterator[RunningService]:
    """A service with its files on that disk, of which a caller may have an eighth."""
    settings = {"blobs": small_disk.as_uri(), "caller_disk_mb": 0.5}
    with RunningService(narrow_model, tmp_path_factory.mktemp("tight"), **settings) as running:
        yield running


def fill(file: Path) -> None:
    """Take up all the room there is, as another program would."""
    with file.open("ab", buffering=0) as out, suppress(OSError):
        for size in (2**16, 1):
            while out.write(os.urandom(size)) == size:
                pass


def refused_on_a_full_disk(ask: Callable[[], requests.Response], filler: Path) -> requests.Response:
    """The 507 that a request gets; the running job's worker frees some room between two checkpoints."""
    for _ in range(5):
        fill(filler)
        response = ask()
        if response.status_code == 507:
            return response
    raise AssertionError(f"it was never refused for want of room: {response.status_code}: {response.text}")


def says_full(service: RunningService, filler: Path) -> bool:
    """Return whether /readyz gives the full disk as a reason; the worker may have made room since it was filled."""
    fill(filler)
    ready = service.get("/readyz")
    return ready.status_code == 503 and "nearly full" in ready.text


def test_a_service_on_a_full_disk_heals_and_one_that_is_started_there_lets_old_jobs_go(
    narrow_model: Path, tmp_path: Path, disk: Path
) -> None:
    skip_unless_mounted(disk)
    blobs = disk / "blobs"
    places = {"database_url": f"sqlite:///{disk}/service.db", "blobs": blobs.as_uri()}
    with RunningService(narrow_model, tmp_path, **places) as service:
        done = service.transfer(STYLE, {"image": b64(STYLE)}, size=64, iterations=3)
        running, waiting = begun(service), service.post(LONG).json()["id"]
        score = {"image": SHORT["content"]} | {name: SHORT[name] for name in ("content", "styles", "size")}
        asks = (
            lambda: service.post(SHORT),
            lambda: service.put_style("other", STYLE),
            lambda: service.post_to("/v1/scores", score),
        )
        for ask in asks:
            refused = refused_on_a_full_disk(ask, disk / "filler")
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.json()["type"] == "urn:nst:problem:no-space"
        eventually(lambda: says_full(service, disk / "filler"), 30, "/readyz doesn't say that the disk is full")
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - 2**20)  # the reserve may be used up by now
        assert service.cancel(waiting).status_code == 202
        assert service.job(waiting)["status"] == "canceled"
        assert requests.delete(f"{service.url}/v1/transfers/{done['id']}", timeout=60).status_code == 204
        assert not (blobs / "jobs" / done["id"]).exists()
        service.cancel(running)
        assert service.ended(running)["status"] in ("canceled", "failed")
        (disk / "filler").unlink()
        eventually(service.is_ready, 30, "it is not ready again")
        assert service.transfer(STYLE, {"preset": "kept"}, size=64, iterations=5)["status"] == "succeeded"
        assert not [path for path in blobs.rglob("*") if "#" in path.name]
        eventually((disk / "service.db-reserve").exists, 60, "nothing was put by again")
        big = png(np.random.default_rng(5).integers(0, 255, (900, 900, 3), np.uint8))
        service.transfer(big, {"image": b64(STYLE)}, size=64, iterations=3)
    fill(disk / "filler")
    service = RunningService(narrow_model, tmp_path, retention="1s", **places)
    service.start(wait=False)  # it isn't ready before there is room
    try:
        eventually(lambda: not list(disk.glob("blobs/jobs/*/*")), 60, "its files are still there")
        eventually(lambda: service.answers("/v1/transfers"), 30, "it does not answer")
        assert service.get("/v1/transfers").json()["items"] == []
    finally:
        service.stop()


def test_a_caller_has_a_share_of_the_disk(tight: RunningService) -> None:
    picture = png(np.random.default_rng(5).integers(0, 255, (200, 200, 3), np.uint8))  # 120 KB
    body = SHORT | {"content": b64(picture), "styles": [{"preset": "kept"}]}
    assert tight.put_style("kept", picture).status_code == 201
    answers = [tight.post(body) for _ in range(6)]
    refused = next(answer for answer in answers if answer.status_code != 202)
    assert refused.status_code == 507
    assert "MiB of files are yours" in refused.json()["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    assert tight.put_style("more", picture).status_code == 507
    assert tight.put_style("kept", picture).status_code in (200, 507)
    taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert 1 <= len(taken) <= 3
    stored = [line for line in tight.get("/metrics").text.splitlines() if line.startswith("nst_stored_bytes{")]
    assert sum(float(line.split()[-1]) for line in stored) >= 120_000 * (1 + len(taken))
    for id in taken:
        tight.ended(id)
        assert requests.delete(f"{tight.url}/v1/transfers/{id}", timeout=60).status_code == 204
    assert tight.post(body).status_code == 202


def test_a_full_disk_fails_a_job_clearly_and_later_ones_run(tight: RunningService, small_disk: Path) -> None:
    skip_unless_mounted(small_disk)
    id = begun(tight, LONG | {"iterations": 150})
    filler = small_disk / "filler"
    fill(filler)
    job = tight.ended(id)
    assert job["status"] == "failed"
    assert "no room" in job["error"]["detail"]
    refused = tight.post(SHORT)
    assert refused.status_code == 507
    assert "disk is nearly full" in refused.json()["detail"]
    assert tight.put_style("other", STYLE).status_code == 507
    filler.unlink()
    assert tight.transfer(STYLE, {"preset": "kept"}, size=64, iterations=5)["status"] == "succeeded"
    assert not [path for path in small_disk.rglob("*") if "#" in path.name or path.stat().st_size == 0]
