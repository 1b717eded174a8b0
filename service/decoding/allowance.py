"""The CPU time that reading a request's pictures may take, and has taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.decoding.decoders import TooSlow


def no_tick() -> None:
    """Do nothing: nobody can cancel the work."""


Tick = Callable[[], None]


@dataclass
class Allowance:
    """CPU seconds that are left to a request for all of its pictures, and those that count as spent.

    `tick` is called while they are read; an exception that it raises ends the reading. `on_spent` is told what each
    decoder has taken, however it ended.
    """

    left: float
    spent: float = 0.0
    tick: Tick = no_tick
    on_spent: Callable[[float], None] = lambda seconds: None

    def within(self, seconds: float) -> float:
        """Return `seconds`, or what is left if that is less. Raises TooSlow if nothing is left."""
        if self.left <= 0:
            raise TooSlow("was not read: the pictures before it took too long to decode")
        return min(seconds, self.left)

    def spend(self, seconds: float) -> None:
        """Count the CPU seconds that a decoder has taken."""
        self.left -= seconds
        self.spent += seconds
        self.on_spent(seconds)
