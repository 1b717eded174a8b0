"""What decoding is told of callers: the CPU time that they have taken, which decides whose picture is next."""

from __future__ import annotations

from typing import Any

import pytest

from service.decoding import lanes
from service.decoding.allowance import Allowance
from service.decoding.unread import Unread


def note_spent(monkeypatch: pytest.MonkeyPatch, cpu_s: float | None = None) -> list[float]:
    """Return the list of what was spent before each picture. Each decoder takes `cpu_s` if that is given."""
    run, spend, spent = lanes.run, Allowance.spend, list[float]()

    def noted(task: str, file: Unread, seconds: float, allowance: Allowance, **settings: Any) -> Any:
        spent.append(allowance.spent)
        return run(task, file, seconds, allowance, **settings)

    monkeypatch.setattr(lanes, "run", noted)
    if cpu_s is not None:
        monkeypatch.setattr(Allowance, "spend", lambda allowance, _: spend(allowance, cpu_s))
    return spent
