"""Comparison of the model file with the models of live workers: the file may be replaced while they run."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from service.errors import ModelUnavailable
from service.network.digests import model_sha256


def model_notes(file: Path, models: Collection[str]) -> list[str]:
    """Return notes for the operator where the model file and the models of live workers differ."""
    notes = []
    if len(models) > 1:
        notes.append(f"the workers compute with different models, {', '.join(sorted(models))}: restart them")
    try:
        found = model_sha256(file)
    except ModelUnavailable as error:
        return [*notes, error.public]
    if models and found not in models:
        names = ", ".join(sorted(models))
        notes.append(
            f"the model file has the SHA-256 {found}, but the workers compute with {names}: "
            "restart them, or put that file back"
        )
    return notes
