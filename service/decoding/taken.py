"""Count of what this process has had decoded for its jobs. One thread of a worker decodes, for one job at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Taken:
    """The pixels of all files whose decoding has begun."""

    pixels: int = 0


FOR_JOBS = Taken()
"""The count of this process."""
