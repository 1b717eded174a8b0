"""Which GPU a worker process gets, where a machine has several: one each, in turn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

GPUS = Path("/proc/driver/nvidia/gpus")
VISIBLE = "CUDA_VISIBLE_DEVICES"


def device_variables(
    number: int, device: str, environ: Mapping[str, str] = os.environ, gpus: Path = GPUS
) -> dict[str, str]:
    """The environment variables by which CUDA shows worker process `number` (from 0) one GPU alone.

    They count only if they are set before CUDA is used. Where the operator has chosen GPUs by CUDA_VISIBLE_DEVICES,
    they are given out, else all that the driver lists in the folder `gpus`. Nothing is set where there are none, or
    for the device "cpu".
    """
    if device == "cpu":
        return {}
    chosen = environ.get(VISIBLE)
    names = _all(gpus) if chosen is None else [name.strip() for name in chosen.split(",") if name.strip()]
    return {VISIBLE: names[number % len(names)]} if names else {}


def _all(gpus: Path) -> list[str]:
    """The numbers that CUDA gives them."""
    count = len(list(gpus.iterdir())) if gpus.is_dir() else 0
    return [str(number) for number in range(count)]
