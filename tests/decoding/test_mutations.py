"""Many damaged files of every format: each is read or refused, within the decoder's bounds."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from front_door import ROOT

FILES, SEED = 1500, 16


@pytest.mark.slow
def test_a_damaged_file_is_read_or_refused_within_its_bounds() -> None:
    command = [sys.executable, "-m", "bench.fuzz.pictures", "--files", str(FILES), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = {name: int(count) for count, name in re.findall(r"^ *(\d+)  check: (.+)$", done.stdout, re.MULTILINE)}
    assert sum(outcomes.values()) == FILES
    assert outcomes["read"] > FILES / 10
    assert outcomes["broken image"] > FILES / 10
