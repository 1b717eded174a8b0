"""Where processes keep what they counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.telemetry import metrics_folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(metrics_folder, "MEMORY", tmp_path)
    monkeypatch.delenv(metrics_folder.VARIABLE, raising=False)
    return tmp_path


def test_it_is_there_meanwhile_and_gone_afterwards(memory: Path) -> None:
    with metrics_folder.metrics_folder() as is_ours:
        assert is_ours
        assert Path(os.environ[metrics_folder.VARIABLE]).parent == memory
    assert metrics_folder.VARIABLE not in os.environ
    assert list(memory.iterdir()) == []


def test_what_somebody_else_gave_is_theirs(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = memory / "given"
    given.mkdir()
    monkeypatch.setenv(metrics_folder.VARIABLE, str(given))
    with metrics_folder.metrics_folder() as is_ours:
        assert not is_ours
    metrics_folder.remove_own_folder()
    assert given.is_dir()


def test_what_the_dead_left_is_swept_and_nobody_elses(memory: Path) -> None:
    dead, mine, alive = (f"{metrics_folder.prefix()}{pid}-x" for pid in (4194304, os.getpid(), os.getppid()))
    others = (alive, f"{metrics_folder.prefix()}odd", "nst-metrics-1-4194304-of-another-container", "other")
    for name in (dead, mine, *others):
        (memory / name).mkdir()
    metrics_folder.make_folder()
    made = Path(os.environ[metrics_folder.VARIABLE]).name
    assert {path.name for path in memory.iterdir()} == {*others, made}
    metrics_folder.remove_own_folder()
