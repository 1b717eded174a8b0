"""Count of what this process has had decoded for its jobs. One thread of a worker decodes, for one job at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Taken:
    """The pixels of all files whose decoding has begun, and the CPU seconds of their decoders."""

    pixels: int = 0
    cpu_s: float = 0.0

    def spend(self, seconds: float) -> None:
        """Count the CPU seconds that a decoder has taken."""
        self.cpu_s += seconds


FOR_JOBS = Taken()
"""The count of this process."""
