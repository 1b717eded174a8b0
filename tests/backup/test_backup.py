"""`python -m service backup` and `restore`: a busy service goes on in another folder."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from faults.jobs_to_do import LONG, SHORT, STYLE, begun, checkpointed
from front_door import ROOT, RunningService, b64, eventually

pytestmark = pytest.mark.slow


def command(service: RunningService, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the settings of a service."""
    line = [*service.command[:-1], *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, env=service.env | env, capture_output=True, text=True, check=False)


@contextmanager
def busy(service: RunningService) -> Iterator[None]:
    """Callers that submit, delete and replace all the time."""
    stopping = threading.Event()

    def work(number: int) -> None:
        while not stopping.is_set():
            service.put_style("changing", STYLE, description=f"{number}").raise_for_status()
            body = SHORT | {"styles": [{"preset": "changing"}, {"image": b64(STYLE)}], "priority": -1}
            id = service.post(body).json()["id"]
            requests.delete(f"{service.url}/v1/transfers/{id}", headers=service.headers, timeout=30)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    yield
    stopping.set()
    for thread in threads:
        thread.join()


def missing(data: Path) -> set[str]:
    """Return the files that rows of presets and unfinished jobs name and a data folder lacks."""
    with closing(sqlite3.connect(data / "service.db")) as database:
        rows = database.execute("SELECT request, checkpoint FROM jobs WHERE finished_at IS NULL").fetchall()
        rows += database.execute("SELECT images, painter FROM presets").fetchall()
    named = set(re.findall(r'"blob": "([^"]+)"', "\n".join(str(column) for row in rows for column in row)))
    assert named
    return {key for key in named if not (data / "blobs" / key).is_file()}


def test_a_busy_service_is_backed_up_and_goes_on_elsewhere(narrow_model: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    file = tmp_path / "backup.tar"
    painting: dict[str, Any] = {"content": SHORT["content"], "size": 64, "iterations": 5}
    service = RunningService(narrow_model, tmp_path / "first", lease_s=3)
    assert command(service, "tenants", "add", "acme").returncode == 0
    service.headers = key = {"X-API-Key": command(service, "keys", "add", "--tenant", "acme").stdout.strip()}
    with service:
        service.put_style("kept", STYLE)
        before = service.ended(service.post(SHORT).json()["id"])
        picture = service.get(before["links"]["image"]).content
        running = begun(service, LONG)
        waiting = [service.post(SHORT).json()["id"] for _ in range(2)]
        checkpointed(service, running)
        with busy(service):
            taken = command(service, "backup", file)
        assert (taken.returncode, taken.stderr) == (0, "")
        assert file.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
        again = command(service, "backup", file)
        assert (again.returncode, "exists" in again.stderr) == (2, True)
        refused = command(service, "restore", file)
        assert (refused.returncode, "perhaps of a service that runs" in refused.stderr) == (2, True)
        service.cancel_all()
        made = service.ended(service.post(painting | {"styles": [{"preset": "kept"}]}).json()["id"])

    elsewhere = tmp_path / "second"
    restored = command(service, "restore", file, NST_DATA=str(elsewhere))
    assert (restored.returncode, restored.stderr) == (0, "")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["blobs", "service.db"]
    assert missing(elsewhere) == set()
    with RunningService(narrow_model, elsewhere, lease_s=3) as service:
        assert service.get(before["links"]["image"]).status_code == 401
        service.headers = key
        assert service.get(before["links"]["image"]).content == picture
        eventually(lambda: service.job(running)["status"] == "running", 30, "it isn't carried on")
        assert service.job(running)["progress"]["iteration"] > 0
        service.cancel(running)
        assert [service.ended(id)["status"] for id in waiting] == ["succeeded"] * 2
        same = service.ended(service.post(painting | {"styles": [{"preset": "kept"}]}).json()["id"])
        assert same["result"]["sha256"] == made["result"]["sha256"]
        log = service.log.read_text().splitlines()
    assert [line for line in log if json.loads(line)["level"] == "ERROR"] == []
