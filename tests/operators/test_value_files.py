"""A full disk takes no process: what its metrics' files have no room for is counted in memory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from front_door import ROOT
from prometheus_client.mmap_dict import MmapedDict

from service.telemetry import value_files
from service.telemetry.value_files import FIRST, ReservedFile

TINY = 'mount -t tmpfs -o size=128k none "$2" || exit 77; PROMETHEUS_MULTIPROC_DIR="$2" exec "$0" -c "$1" "$2"'
COUNTING = """
import sys
from pathlib import Path

(Path(sys.argv[1]) / "other").write_bytes(bytes(40_000))
from service.telemetry import instruments

for many in range(1000):
    instruments.jobs_submitted.labels(kind="x" * 100 + str(many)).inc(many)
for many in range(1000):
    assert instruments.jobs_submitted.labels(kind="x" * 100 + str(many))._value.get() == many
instruments.event_streams_open.inc()
"""
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_process_goes_on_on_a_full_disk(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "sh", "-c", TINY, sys.executable, COUNTING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no mounts of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert "No space left on device" in line


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk on which no file can have more bytes than the last of these."""
    most, reserve = [0], os.posix_fallocate

    def fallocate(descriptor: int, start: int, length: int) -> None:
        if start + length > most[-1]:
            raise FULL
        reserve(descriptor, start, length)

    monkeypatch.setattr(os, "posix_fallocate", fallocate)
    monkeypatch.setattr(value_files, "_warned", [])
    return most


def counted(file: Path, most: int) -> None:
    """Write so many values, and read them all."""
    values: Any = ReservedFile(str(file))
    for key in range(most):
        values.write_value(f"key {key}", float(key), 0.0)
    assert [values.read_value(f"key {key}")[0] for key in range(most)] == list(range(most))
    values.close()


def test_values_without_a_file_stay_in_memory(
    tmp_path: Path, full_after: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    files = [tmp_path / "counter_1.db", tmp_path / "counter_2.db"]
    for file in files:
        counted(file, 3000)
    assert list(tmp_path.iterdir()) == []
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{files[0]} has no room")


def test_a_file_that_can_not_grow_keeps_what_it_has(tmp_path: Path, full_after: list[int]) -> None:
    full_after.append(2 * FIRST)
    file = tmp_path / "counter_1.db"
    counted(file, 6000)
    assert file.stat().st_size == 2 * FIRST
    read: Any = MmapedDict.read_all_values_from_file
    stored = {key.strip(): value for key, value, _, _ in read(file)}
    assert 3000 < len(stored) < 6000
    assert all(stored[f"key {key}"] == key for key in range(len(stored)))
