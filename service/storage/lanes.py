"""The lanes of the queue, as rows of jobs and of workers hold them."""

from __future__ import annotations

from typing import Literal

Lane = Literal["engine", "paint"]
"""What a job needs, or what a worker is there for."""

ENGINE: Lane = "engine"  # jobs that need the model, and the workers that have it loaded
PAINT: Lane = "paint"  # transfers that painters paint alone, and the workers that do nothing else
