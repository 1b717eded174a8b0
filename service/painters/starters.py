"""The painters of the starters, which come with the service: each is given to its preset once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from service.painters.weights import PainterWeights, UnusablePainter
from service.pictures.images import digest
from service.storage.records import PresetPainter
from service.styles.preset_painters import PackedPainter, PresetPainters
from service.styles.starters.loading import STARTERS, Starter

logger = logging.getLogger(__name__)


def load(painters: PresetPainters, model: Callable[[], str], starters: Iterable[Starter] = STARTERS) -> None:
    """Give starters the painters that come with the service, unless that was done before.

    A starter that was changed or deleted gets none, and none replaces a painter. A painter that learned from another
    model is kept for a later start.

    Args:
        model: returns the SHA-256 of the model in use; it is only called if there is a painter to give.

    Raises:
        StorageError
        ModelUnavailable: from `model`.
    """
    waiting = {_mark(starter): starter for starter in starters if starter.painter.exists()}
    for mark in painters.marked(waiting):
        del waiting[mark]
    if not waiting:
        return
    wanted, given = model(), []
    for mark, starter in waiting.items():
        if found := _read(starter):
            weights, data = found
            if weights.model != wanted:
                logger.info("the painter of %s learned from another model: it waits", starter.name)
                continue
            painter = PresetPainter(sha256=digest(data), model=weights.model, size=weights.size)
            if painters.put_once(mark, starter.name, PackedPainter(data, painter), starter.is_unchanged):
                given.append(starter.name)
    if given:
        logger.info("%d of these presets have painters: %s", len(given), ", ".join(given))


def painters_of(model: str, starters: Iterable[Starter] = STARTERS) -> Iterator[PainterWeights]:
    """Yield the painters that come with the service and learned from this model; `model` is its SHA-256."""
    for starter in starters:
        if starter.painter.exists() and (found := _read(starter)) and found[0].model == model:
            yield found[0]


def _mark(starter: Starter) -> str:
    """Return the name of the mark that a starter's painter was given."""
    return f"painter:{starter.name}"


def _read(starter: Starter) -> tuple[PainterWeights, bytes] | None:
    """Return a starter's painter and its file, unless that is broken."""
    data = starter.painter.read_bytes()
    try:
        weights = PainterWeights.from_bytes(data)
    except UnusablePainter as error:
        logger.warning("the painter %s can't be used: %s", starter.painter, error)
        return None
    return weights, data
