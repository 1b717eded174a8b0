"""Where processes keep what they counted, and other files of their lifetime."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.machine import scratch
from service.machine.scratch import candidates, make_scratch, provide_temporary_folder, scratch_place
from service.telemetry import metrics_folder
from service.telemetry.metrics_folder import PREFIX

MAKE = """
import pathlib, sys
from service.machine.scratch import make_scratch
print(make_scratch(sys.argv[1], pathlib.Path(sys.argv[2])))
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the memory's, without others for temporary files."""
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(scratch, "MEMORY", memory)
    monkeypatch.setattr(scratch, "DISKS", ())
    for name in (metrics_folder.VARIABLE, scratch.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    return memory


def test_it_is_there_meanwhile_and_gone_afterwards(memory: Path, tmp_path: Path) -> None:
    with metrics_folder.metrics_folder(tmp_path) as is_ours:
        assert is_ours
        assert Path(os.environ[metrics_folder.VARIABLE]).parent == memory
    assert metrics_folder.VARIABLE not in os.environ
    assert list(memory.iterdir()) == []


def test_what_somebody_else_gave_is_theirs(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = memory / "given"
    given.mkdir()
    monkeypatch.setenv(metrics_folder.VARIABLE, str(given))
    with metrics_folder.metrics_folder(memory) as is_ours:
        assert not is_ours
    metrics_folder.remove_own_folder()
    assert given.is_dir()
    monkeypatch.setenv(metrics_folder.VARIABLE, str(given / "none"))
    with pytest.raises(Unavailable, match=r"PROMETHEUS_MULTIPROC_DIR: .*none"), metrics_folder.metrics_folder(memory):
        pass


def test_what_the_dead_left_is_swept_and_nobody_elses(memory: Path) -> None:
    """A maker that lives is known by its lock, in whatever container it is."""
    others = ("nst-metrics-1-1-of-an-older-version", "other")
    for name in others:
        (memory / name).mkdir()
    dead = subprocess.run([sys.executable, "-c", MAKE, PREFIX, memory], check=True, capture_output=True, text=True)
    left = Path(dead.stdout.strip())
    (left / "counter_1.db").write_text("")
    living, mine = (make_scratch(kind, memory) for kind in (PREFIX, "nst-run-others-"))
    assert not left.exists()
    assert {path.name for path in memory.iterdir()} == {*others, living.name, mine.name}
    next_one = make_scratch(PREFIX, memory)
    assert {path.name for path in memory.iterdir()} == {*others, living.name, mine.name, next_one.name}


def test_the_first_place_that_takes_files_is_used(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, wanted = tmp_path / "data", tmp_path / "w"
    wanted.mkdir()
    assert scratch_place(data) == memory
    monkeypatch.setenv(scratch.VARIABLE, str(wanted))
    assert scratch_place(data) == memory
    assert scratch_place(data, longest=len(str(wanted))) == wanted
    memory.rmdir()
    assert scratch_place(data) == wanted
    assert not data.exists()
    wanted.rmdir()
    assert scratch_place(data) == data / "tmp"
    assert (data / "tmp").is_dir()
    (data / "tmp").rmdir()
    (data / "tmp").touch()
    assert scratch_place(data) is None
    with pytest.raises(Unavailable, match=f"{memory}: .*; {data / scratch.IN_DATA}: .*TMPDIR"):
        metrics_folder.make_folder(data)


def test_a_full_place_is_used_where_all_are_full(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metrics then stay in their processes, and a worker that begins anew is not refused."""
    monkeypatch.setattr(scratch, "ROOM", 2**62)
    assert scratch_place(tmp_path) == memory
    with metrics_folder.metrics_folder(tmp_path) as is_ours:
        assert is_ours
        assert Path(os.environ[metrics_folder.VARIABLE]).parent == memory
        with metrics_folder.metrics_folder(tmp_path) as is_childs:
            assert not is_childs


def test_programs_without_a_place_for_temporary_files_get_one_in_the_data(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv(scratch.VARIABLE, "")
    monkeypatch.delenv(scratch.VARIABLE)  # what is set below goes with the test: browsers start in this process too
    monkeypatch.setattr(scratch, "DISKS", (tmp_path,))
    provide_temporary_folder(tmp_path / "data")
    assert scratch.VARIABLE not in os.environ
    monkeypatch.setattr(scratch, "DISKS", ())
    provide_temporary_folder(tmp_path / "data")
    assert os.environ[scratch.VARIABLE] == str(tmp_path / "data" / "tmp")
    assert candidates(tmp_path / "data") == [memory, tmp_path / "data" / "tmp"]
