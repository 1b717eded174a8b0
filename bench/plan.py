"""The extent of a benchmark: everything, or a smoke run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from service.options import TransferOptions


@dataclass(frozen=True)
class Plan:
    """The extent of a run of the benchmark.

    Attributes:
        pair: name of the pictures (bench.pictures).
        sizes: long edges of the race, in pixels.
        middle: long edge of everything that is measured at one size only, in pixels.
        cost_sizes, memory_sizes: long edges at which one evaluation, and a whole job's memory, are measured.
        tile_sizes: long edges at which images are evaluated tile by tile.
        steps: optimiser steps or evaluations that a peer is given.
        repeats: tries of which the fastest, or the median, counts.
        iterations: of every transfer of ours; None for the options' own number.
    """

    pair: str = "coffee"
    sizes: tuple[int, ...] = (256, 512, 1024)
    middle: int = 512
    cost_sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    memory_sizes: tuple[int, ...] = (512, 1024, 2048)
    tile_sizes: tuple[int, ...] = (1024, 2048, 4096)
    steps: int = 100
    repeats: int = 5
    iterations: int | None = None

    def options(self, size: int, chosen: dict[str, Any] | None = None) -> TransferOptions:
        """Return our options for an output of `size` pixels; `chosen` replaces defaults."""
        fewer = {} if self.iterations is None else {"iterations": self.iterations}
        return TransferOptions(size=size, **((chosen or {}) | fewer))

    def at(self, pair: str, sizes: tuple[int, ...]) -> Plan:
        """Return this plan for other pictures, and for other sizes of the race if any are given."""
        return replace(self, pair=pair, sizes=sizes or self.sizes)


FULL = Plan()
QUICK = Plan(
    sizes=(128,), middle=128, cost_sizes=(128,), memory_sizes=(128,), tile_sizes=(160,),
    steps=2, repeats=2, iterations=3,
)  # fmt: skip
