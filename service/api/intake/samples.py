"""Samples: the first transfer with a preset alone shows what the preset does."""

from __future__ import annotations

from contextlib import suppress

from service.api.context import context
from service.errors import NotFound, StorageError
from service.jobs.request import StoredStyle, TransferRequest
from service.jobs.resource import NOT_KEPT
from service.options import PAINTER
from service.storage.preset_schema import PresetRow
from service.storage.schema import JobRow
from service.styles.preset_changes import set_sample

GONE = ("failed", "canceled", None)
LEAST_SIZE = 256  # pixels: a smaller picture shows little of a style
LEAST_ITERATIONS = 30  # fewer leave the photograph nearly as it was


def note_sample(job: JobRow) -> None:
    """Have a new transfer show what its preset does, if it is with that alone and no earlier transfer does.

    Small or hardly painted pictures are left out: they would show a preset worse than it is.
    The picture is the transfer's own, so it goes with the transfer, and nobody sees it who couldn't see that.
    """
    style = _shown_by(TransferRequest.of(job))
    if style is None:
        return
    with suppress(NotFound, StorageError):  # the transfer itself is submitted: a later one can be the sample
        preset = context().presets.get(style.preset or "")
        if not _is_of(style, preset) or preset.tenant != job.tenant:  # other pictures by now, or another tenant's
            return
        now = preset.sample
        if now is None or context().queue.outcomes([now]).get(now, NOT_KEPT).status in GONE:
            set_sample(context().database, preset.version, job.id, {now})


def _is_of(style: StoredStyle, preset: PresetRow) -> bool:
    """Return whether a style is this state of a preset, by the files that both refer to."""
    theirs = [image.file.blob for image in preset.images], preset.pack.blob if preset.pack else None
    return ([image.file.blob for image in style.images], style.pack.blob if style.pack else None) == theirs


def _shown_by(request: TransferRequest) -> StoredStyle | None:
    """Return the preset whose look a transfer shows: one picture, all of it in this style."""
    painting = request.base
    if request.variants or len(painting.styles) != 1 or painting.protect or painting.strength_map:
        return None
    style, options = painting.styles[0], painting.options
    is_plain = style.preset is not None and style.mask is None and style.style_mask is None
    is_painted = options.iterations >= LEAST_ITERATIONS or options.method == PAINTER
    is_good = is_painted and options.size >= LEAST_SIZE and options.strength != 0
    return style if is_plain and is_good else None
