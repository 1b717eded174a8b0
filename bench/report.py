"""The benchmark's report: markdown tables, and the file of all results."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

Results = dict[str, Any]
"""Values that JSON can hold, by name: seconds, bytes, losses."""

RESULTS = "results.json"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def seconds(value: float) -> str:
    """Return a time for a table, in the unit that reads best."""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"  # noqa: PLR2004 - three digits either way


def ratio(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004


def yes(value: bool) -> str:
    return "yes" if value else "no"


def machine() -> dict[str, str | int]:
    """Describe the machine that measured, without its name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "threads": torch.get_num_threads(), "torch": torch.__version__}


def read(folder: Path) -> Results:
    """Return earlier results, so that a single section can be measured again."""
    file = folder / RESULTS
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    return results


def write(folder: Path, results: Results) -> None:
    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n")
