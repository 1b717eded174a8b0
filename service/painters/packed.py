"""Packs that carry a painter: its weights beside the Grams, as `painter/<name>`, and its facts in the pack's own.

A service that knows no such packs refuses one for its first array that isn't a Gram matrix.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safetensors.numpy import load, save

from service.network.checked_tensors import TensorHeader, Tensors, read_checked
from service.network.safetensors_header import header_of, metadata_of
from service.painters.weights import PainterWeights, UnusablePainter, check_shapes
from service.pictures.images import digest
from service.settings.numbers import as_whole
from service.storage.records import PresetPainter
from service.styles.packs import METADATA, UnusablePack, check_tensors
from service.styles.preset_painters import PackedPainter

PREFIX = "painter/"  # of the names of its arrays
FACTS = "painter"  # where the pack's facts have the painter's
COUNTS = {"steps": int, "seconds": (int, float), "photos": int}
LARGEST = 10**9  # of any number that is said of a painter
JUDGED = {"painter", "optimizer"}
LOSSES = {"total", "content", "style"}


def joined(pack: bytes, weights: bytes, painter: PresetPainter) -> bytes:
    """Return a pack with a painter, from both their files and the painter's record; the same bytes each time.

    Raises:
        UnusablePainter: the file of weights holds no painter.
    """
    learned = PainterWeights.from_bytes(weights)
    said = {name: getattr(painter, name) for name in (*COUNTS, "judged")}
    facts = json.loads(metadata_of(pack)[METADATA]) | {FACTS: learned.facts | said}
    arrays = {PREFIX + name: array for name, array in learned.weights.items()}
    return _saved(load(pack) | arrays, facts)


def parted(data: bytes) -> tuple[bytes, PackedPainter | None]:
    """Return the pack without its painter, to be checked by Pack.from_bytes, and the painter, which is checked here.

    A file without a painter is returned as it is.

    Raises:
        UnusablePack: its painter can't be used.
    """
    if not _has_painter(data):
        return data, None
    tensors, facts = read_checked(data, METADATA, _check, UnusablePack)
    own = {name: array for name, array in tensors.items() if not name.startswith(PREFIX)}
    if not isinstance(facts, dict):
        raise UnusablePack("what it says of itself is no object")
    try:
        painter = _painter(_without_prefix(tensors), facts.pop(FACTS, None))
        return _saved(own, facts), painter
    except UnusablePainter as error:
        raise UnusablePack(f"its painter: {error}") from error
    except RecursionError as error:
        raise UnusablePack("what it says of itself is nested too deeply") from error


def _has_painter(data: bytes) -> bool:
    """Return whether a file has arrays of a painter, or speaks of one; what can't be read has none."""
    try:
        header = header_of(data)
        return any(name.startswith(PREFIX) for name in header) or FACTS in json.loads(metadata_of(data)[METADATA])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _check(found: Mapping[str, TensorHeader]) -> None:
    """Raise UnusablePack for other arrays than those of a pack with a painter."""
    check_tensors({name: tensor for name, tensor in found.items() if not name.startswith(PREFIX)})
    try:
        check_shapes(_without_prefix(found))
    except UnusablePainter as error:
        raise UnusablePack(f"its painter: {error}") from error


def _without_prefix(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX): value for name, value in found.items() if name.startswith(PREFIX)}


def _painter(arrays: Tensors, facts: Any) -> PackedPainter:
    weights = PainterWeights.of_file(arrays, facts)
    data = weights.to_bytes()
    record = PresetPainter(
        sha256=digest(data),
        model=weights.model,
        size=weights.size,
        **{name: _number(facts, name, kind) for name, kind in COUNTS.items()},
        judged=_judged(facts.get("judged")),
        counted=len(data),
    )
    return PackedPainter(data, record)


def _number(facts: Mapping[str, Any], name: str, kind: Any = (int, float)) -> Any:
    value = as_whole(facts.get(name)) if kind is int else facts.get(name)
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 <= value <= LARGEST:  # which NaN isn't
        raise UnusablePainter(f"its {name} is no number from 0 to {LARGEST:,}")
    return value


def _judged(found: Any) -> dict[str, dict[str, float]]:
    """Return the losses of the painter and of the optimiser; empty where it wasn't judged."""
    if found == {}:
        return {}
    if not isinstance(found, dict) or set(found) != JUDGED:
        raise UnusablePainter(f"its judged has other parts than {' and '.join(sorted(JUDGED))}")
    for losses in found.values():
        if not isinstance(losses, dict) or set(losses) != LOSSES:
            raise UnusablePainter(f"its judged has other losses than {', '.join(sorted(LOSSES))}")
    return {part: {name: _number(losses, name) for name in sorted(LOSSES)} for part, losses in found.items()}


def _saved(tensors: Tensors, facts: Mapping[str, Any]) -> bytes:
    return save(tensors, {METADATA: json.dumps(facts, sort_keys=True)})
