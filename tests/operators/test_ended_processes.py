"""What ended processes have counted is added up, and nothing is counted twice or lost."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from service.telemetry import ended_processes
from service.telemetry.ended_processes import add_up_ended
from service.telemetry.value_files import ReservedFile

KEYS = [mmap_key("jobs", "jobs_total", ["kind"], [kind], "Jobs.") for kind in ("a", "bc")]


@pytest.fixture
def ended() -> list[int]:
    """The ids of processes that have ended."""
    processes = [subprocess.Popen(["/bin/true"]) for _ in range(3)]
    return [process.pid for process in processes if process.wait() == 0]


def write(file: Path, *amounts: float) -> None:
    values: Any = ReservedFile(str(file))
    for key, amount in zip(KEYS, amounts, strict=False):
        values.write_value(key, amount, 0.0)
    values.close()


def read(file: Path) -> dict[str, float]:
    values: Any = MmapedDict.read_all_values_from_file
    return {key.strip(): value for key, value, *_ in values(str(file))}


def test_ended_processes_are_added_up_and_living_ones_left(tmp_path: Path, ended: list[int]) -> None:
    mine = tmp_path / f"counter_{os.getpid()}.db"
    write(mine, 100.0)
    write(tmp_path / f"gauge_livesum_{ended[0]}.db", 5.0)
    for process, amount in zip(ended, (1.0, 2.0, 4.0), strict=True):
        write(tmp_path / f"counter_{process}.db", amount, *[amount] * (process == ended[1]))
        write(tmp_path / f"histogram_{process}.db", 10 * amount)
        add_up_ended(tmp_path)  # again and again, as processes end one after another
    assert read(tmp_path / "counter_ended.db") == {KEYS[0]: 7.0, KEYS[1]: 2.0}
    assert read(tmp_path / "histogram_ended.db") == {KEYS[0]: 70.0}
    assert read(mine) == {KEYS[0]: 100.0}
    assert sorted(file.name for file in tmp_path.glob("*.db")) == sorted(
        ["counter_ended.db", "histogram_ended.db", mine.name]
    )
    assert (tmp_path / "counter_ended.db").stat().st_size < 1000


def test_what_can_not_be_added_up_stays(tmp_path: Path, ended: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = (tmp_path / f"counter_{process}.db" for process in ended[:2])
    broken.write_bytes(b"\x64\x00\x00\x00" * 25)  # its first key is longer than the file
    write(whole, 3.0)
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError("full")))
        add_up_ended(tmp_path)
    assert broken.exists()
    assert read(whole) == {KEYS[0]: 3.0}
    add_up_ended(tmp_path)
    assert broken.exists()
    assert not whole.exists()
    assert read(tmp_path / "counter_ended.db") == {KEYS[0]: 3.0}
    add_up_ended(tmp_path / "none")  # a process without a folder


def test_a_sum_that_can_not_be_read_is_not_lost(
    tmp_path: Path, ended: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    total, own = tmp_path / "counter_ended.db", tmp_path / f"counter_{ended[0]}.db"
    write(total, 5.0)
    write(own, 3.0)
    read_values = ended_processes._values

    def refuse(file: Path) -> dict[str, float]:
        if file == total:
            raise OSError(errno.EMFILE, "Too many open files")
        return read_values(file)

    with monkeypatch.context() as full:
        full.setattr(ended_processes, "_values", refuse)
        add_up_ended(tmp_path)
    assert (read(total), read(own)) == ({KEYS[0]: 5.0}, {KEYS[0]: 3.0})
    add_up_ended(tmp_path)
    assert read(total) == {KEYS[0]: 8.0}
