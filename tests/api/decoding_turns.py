"""What decoding is told of callers: the CPU time that they have taken, which decides whose picture is next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.decoding import lanes


def note_spent(monkeypatch: pytest.MonkeyPatch, cpu_s: float) -> list[float]:
    """Let each picture have taken `cpu_s`; return the list of what was spent before each one."""
    run, spent = lanes.run, list[float]()

    def noted(*args: Any, **settings: Any) -> Any:
        spent.append(settings["spent"])
        reply, handed_over = run(*args, **settings)
        return replace(reply, cpu_s=cpu_s), handed_over

    monkeypatch.setattr(lanes, "run", noted)
    return spent
