"""Commands whose standard streams are closed, full, or no longer read by anybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from front_door import ROOT

from service.storage.database import Database
from service.tenants.keys import Keys

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "service"]


def clean(**settings: object) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NST_", "SERVICE_"))}
    return kept | {f"NST_{name.upper()}": str(value) for name, value in settings.items()}


@pytest.fixture
def run(data_folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command; `output` is the file descriptor of its standard output."""

    def run(*words: str, output: int) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, *words]
        return subprocess.run(
            command, cwd=ROOT, env=clean(data=data_folder), stdout=output, stderr=-1, text=True, check=False
        )

    return run


def test_a_command_ends_without_a_word_when_nobody_reads_on(
    run: Callable[..., subprocess.CompletedProcess[str]], data_folder: Path
) -> None:
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        Keys(database).add("default", "one", frozenset({"read"}), None)
    read, write = os.pipe()
    os.close(read)
    done = run("keys", "list", output=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_key_that_could_not_be_printed_has_ended_and_one_that_it_was_to_replace_has_not(
    run: Callable[..., subprocess.CompletedProcess[str]], data_folder: Path
) -> None:
    with closing(Database(f"sqlite:///{data_folder / 'service.db'}")) as database:
        kept = Keys(database).add("default", "one", frozenset({"read"}), None).row
        for words in (("add",), ("rotate", kept.id), ("rotate", kept.id, "--grace", "1h")):
            with Path("/dev/full").open("w") as full:
                done = run("keys", *words, output=full.fileno())
            assert done.returncode == 2
            assert done.stderr.endswith(
                "the new key could not be printed (No space left on device), and has ended: make another\n"
            )
        first, *others = Keys(database).page(None, (0.0, ""), 10)
    assert (first.id, first.revoked_at, first.expires_at) == (kept.id, None, None)
    assert [row.revoked_at is not None for row in others] == [True] * 3


def test_a_command_starts_without_any_standard_stream() -> None:
    line = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *COMMAND, "painter"]
    done = subprocess.run(line, cwd=ROOT, env=clean(port="eighty"), check=False)
    assert done.returncode == 2  # as it says nowhere: the setting can't be read
