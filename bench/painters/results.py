"""The file of results, to which sections in processes of their own add theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.report import Results

RESULTS = "painters.json"


@dataclass(frozen=True)
class Saver:
    """A function that writes the results of one section so far, beside those of the others."""

    folder: Path
    name: str

    def __call__(self, found: Results) -> None:
        file = self.folder / RESULTS
        others = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(others | {self.name: found}, indent=1) + "\n")
