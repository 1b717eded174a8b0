"""The GPU of a worker process, if a machine has several: one each, in turn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

GPUS = Path("/proc/driver/nvidia/gpus")
VISIBLE = "CUDA_VISIBLE_DEVICES"


def device_variables(
    number: int, device: str, environ: Mapping[str, str] = os.environ, gpus: Path = GPUS
) -> dict[str, str]:
    """Return the environment variables that show worker process `number` (from 0) one GPU only.

    They have an effect only if they are set before CUDA is used. The GPUs are those of CUDA_VISIBLE_DEVICES if the
    operator has set it, else all that the driver lists in the folder `gpus`. Nothing is set without GPUs or for the
    device "cpu".
    """
    if device == "cpu":
        return {}
    chosen = environ.get(VISIBLE)
    names = _all(gpus) if chosen is None else [name.strip() for name in chosen.split(",") if name.strip()]
    return {VISIBLE: names[number % len(names)]} if names else {}


def _all(gpus: Path) -> list[str]:
    """Return the numbers that CUDA gives the GPUs."""
    count = len(list(gpus.iterdir())) if gpus.is_dir() else 0
    return [str(number) for number in range(count)]
