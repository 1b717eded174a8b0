"""A model file that computes in no time: random weights, and a sixteenth of VGG19's channels."""

from __future__ import annotations

from pathlib import Path


def write_narrow_vgg(path: Path) -> Path:
    """Write the file, and return its path."""
    from export.graph import build_model  # noqa: PLC0415 - loads torch, which xdist's own process doesn't need
    from export.sources import random_weights  # noqa: PLC0415

    path.write_bytes(build_model(random_weights(16, 0), "max").SerializeToString(deterministic=True))
    return path
