"""Requests that schemathesis makes from the description, right and wrong ones, alone and in chains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from front_door import ROOT

EXAMPLES, SEED = 5, 16
MEMORY = Path("/dev/shm")  # noqa: S108  # thousands of commits wait for a disk, and cost an eighth more CPU time there


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_answer_is_what_the_description_says() -> None:
    command = [sys.executable, "-m", "bench.fuzz.api", "--examples", str(EXAMPLES), "--seed", str(SEED)]
    env = os.environ | ({"TMPDIR": str(MEMORY)} if os.access(MEMORY, os.W_OK) else {})
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
