"""Clocks and processes that measure seconds and bytes."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Stopwatch:
    """A clock of seconds since it was made, without those that snapshots took."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    def snapshot(self, take: Callable[[], T]) -> tuple[float, T]:
        """Return the seconds so far and the result of `take`; the clock stands still during its call."""
        paused = time.perf_counter()
        seconds, value = paused - self._begun, take()
        self._begun += time.perf_counter() - paused
        return seconds, value


def fastest(function: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest of `repeats` calls, after one that doesn't count."""
    function()
    taken = []
    for _ in range(repeats):
        clock = Stopwatch()
        function()
        taken.append(clock.seconds())
    return min(taken)


def alone(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a module's function in a new process, which nothing from other measurements affects."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(function, *args, **kwargs).result()


def peak_memory() -> int:
    """Return this process's peak resident bytes: VmHWM, because ru_maxrss counts the parent's before exec too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not say how much memory a process has had")
