"""Ticks of a transfer: one between any two of its long steps, and before each convolution outside of iterations."""

from __future__ import annotations

from typing import Any

import pytest
from engine.paintings import Run

from service.engine import stage
from service.engine import stylize as engine
from service.engine.losses import Objective
from service.engine.vgg import VGG
from service.machine.memory import give_back_memory
from service.network.layers import LAYERS


def test_memory_is_given_back_levels_built_and_pictures_judged_with_a_tick_between(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def recorded(name: str, function: Any) -> Any:
        def record(*args: Any) -> Any:
            events.append(name)
            return function(*args)

        return record

    events: list[str] = []
    monkeypatch.setattr(engine, "give_back_memory", recorded("give back", give_back_memory))
    monkeypatch.setattr(stage, "Objective", recorded("build", Objective))
    monkeypatch.setattr(VGG, "walk", recorded("walk", VGG.walk))
    run(iterations=2, on_tick=lambda: events.append("tick"))
    content, judged = (["walk", *["tick"] * (1 + LAYERS.index(deepest))] for deepest in ("relu4_2", "relu5_1"))
    built = ["give back", "tick", *content, "tick", "build"]
    begun = events.index("tick")  # before it the Grams are computed
    assert events[begun:] == ["tick", *built, *["tick", "walk"] * 3, "tick", *built, "tick", *judged]
