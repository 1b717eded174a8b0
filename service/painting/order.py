"""The order of a transfer: pictures and options, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.decoding.decoded import DecodedFiles
from service.options import TransferOptions
from service.pictures.images import Alpha, Mask, Picture
from service.styles.style import Style

if TYPE_CHECKING:  # so that painters need no torch
    from service.engine.checkpoint import Checkpoint
    from service.engine.stage import Memo


@dataclass(frozen=True)
class Order:
    """A transfer's pictures and options.

    Attributes:
        initial_image: where the optimisation begins, for the init "image".
        protect: 1 where the content stays.
        strength_map: factor of the style's weight at each place.
        alpha: opacity of the content; the style counts less where the content is transparent.
        resume: where another worker left the transfer.
        memo: features that transfers of one content image share.
        decoded: style images and masks that transfers of one job share.
    """

    content: Picture
    styles: Sequence[Style]
    options: TransferOptions
    initial_image: Picture | None = None
    protect: Mask | None = None
    strength_map: Mask | None = None
    alpha: Alpha | None = None
    resume: Checkpoint | None = None
    memo: Memo | None = None
    decoded: DecodedFiles = field(default_factory=DecodedFiles)
