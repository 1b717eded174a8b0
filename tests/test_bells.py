"""Bells: processes of one machine wake each other."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.machine import scratch
from service.machine.bells import JOBS, ROWS, VARIABLE, Bell, bells_folder, ring

LONG_S = 30.0


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.delenv(VARIABLE, raising=False)
    with bells_folder(tmp_path):
        yield Path(os.environ[VARIABLE])


@pytest.fixture
def bell(folder: Path) -> Iterator[Bell]:
    bell = Bell(JOBS, 0.0, LONG_S)
    yield bell
    bell.close()


def waited(bell: Bell) -> float:
    begun = time.monotonic()
    bell.wait()
    return time.monotonic() - begun


def test_a_ring_wakes_who_waits_and_who_comes_to_wait_later(bell: Bell) -> None:
    threading.Timer(0.05, ring, [JOBS]).start()
    assert waited(bell) < LONG_S / 2
    for _ in range(1000):  # more than a socket holds
        ring(JOBS)
    assert waited(bell) < LONG_S / 2


def test_a_bell_of_another_name_and_one_that_was_heard_are_silent(bell: Bell) -> None:
    bell.longest_s = 0.05
    ring(ROWS)
    assert waited(bell) >= 0.05
    ring(JOBS)
    bell.wait()
    assert waited(bell) >= 0.05


def test_another_process_is_woken_and_its_bell_taken_down_when_it_was_killed(folder: Path) -> None:
    script = (
        "from service.machine.bells import *; bell = Bell(JOBS, 0, 30); print(1, flush=True); bell.wait();"
        "print(2, flush=True); bell.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        ring(JOBS)
        assert other.stdout.readline() == b"2\n"
        other.kill()
    assert len(list(folder.iterdir())) == 1
    ring(JOBS)
    assert list(folder.iterdir()) == []


def test_a_process_with_many_files_hears_its_bells(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = [os.open(os.devnull, os.O_RDONLY)]
    while files[-1] < 1024:  # select() takes no more
        files.append(os.dup(files[0]))
    bell = Bell(ROWS, 0.0, LONG_S)
    ring(ROWS)
    assert waited(bell) < LONG_S / 2
    bell.close()
    for file in files:
        os.close(file)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_signal_handler_can_ring_its_own(bell: Bell) -> None:
    bell.ring()
    assert waited(bell) < LONG_S / 2
    bell.close()
    bell.ring()


def test_without_a_folder_there_are_only_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    bell = Bell(JOBS, 0.01, LONG_S)
    ring(JOBS)
    assert waited(bell) < LONG_S / 2
    bell.close()


def test_where_paths_are_too_long_there_are_no_bells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(scratch, "MEMORY", long)
    monkeypatch.setattr(scratch, "DISKS", ())
    monkeypatch.delenv(scratch.VARIABLE, raising=False)
    with bells_folder(long):
        assert VARIABLE not in os.environ
    assert list(long.iterdir()) == []
