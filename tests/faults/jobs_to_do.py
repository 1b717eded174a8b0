"""Jobs for a service that is hurt."""

from __future__ import annotations

from typing import Any

import numpy as np
from front_door import RunningService, b64, eventually, png

PICTURE = png(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
STYLE = png(np.random.default_rng(1).integers(0, 120, (70, 70, 3), np.uint8))
SHORT = {"content": b64(PICTURE), "styles": [{"preset": "kept"}], "size": 64, "iterations": 20}
LONG = SHORT | {"size": 192, "iterations": 5000, "tolerance": 0}


def begun(service: RunningService, body: dict[str, Any] = LONG) -> str:
    """The id of a job that has made its first steps."""
    service.put_style("kept", STYLE)
    id: str = service.post(body).json()["id"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > 0, 90, "no progress")
    return id


def checkpointed(service: RunningService, id: str, claim: int = 1) -> int:
    """Wait until a job's row knows of a claim's checkpoint; return the iteration that the job had reached before."""
    written = f"checkpoint-{claim}-"
    eventually(lambda: any(name.startswith(written) for name in checkpoints(service, id)), 30, "no checkpoint")
    reached: int = service.job(id)["progress"]["iteration"]
    eventually(lambda: service.job(id)["progress"]["iteration"] > reached, 30, "no progress")
    return reached


def checkpoints(service: RunningService, id: str) -> list[str]:
    """The names of a job's checkpoints."""
    return sorted(path.name for path in (service.data / "blobs" / "jobs" / id).glob("checkpoint-*"))


def times_begun(service: RunningService, id: str) -> int:
    """Return how often a worker has begun a job, by the log."""
    return service.log.read_text().count(f"job {id}: begun")
