"""Painters that share their convolutions, so that they can learn together."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from service.painters.network import Painter


def share_convolutions(painters: Sequence[Painter]) -> None:
    """Let painters share the convolutions of the first (Dumoulin et al. 2017).

    Only their normalisations differ then.
    """
    first, *others = painters
    for name, module in first.named_modules():
        if isinstance(module, nn.Conv2d):
            for painter in others:
                painter.set_submodule(name, module)
