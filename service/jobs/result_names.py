"""File names of a transfer's results: after its content and its styles."""

from __future__ import annotations

from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.pictures.file_names import plain_label, result_name, stem


def picture_name(request: TransferRequest, i: int, format: str) -> str:
    """Return the name of a transfer's picture `i` as a file of this format.

    As in `photo - mosaic.png`, or for one of several `photo - mosaic - 2 - strength 0.5.png`.
    """
    paintings = request.paintings
    painting = paintings[i] if i < len(paintings) else request.base  # a damaged request has lost its variants
    parts = [str(i + 1), plain_label(painting.label)] if len(paintings) > 1 else []
    return result_name(request.content.name, _styles(painting), parts, format)


def sheet_name(request: TransferRequest) -> str:
    """Return the name of a transfer's contact sheet."""
    styles = dict.fromkeys(name for painting in request.paintings for name in _styles(painting))
    return result_name(request.content.name, list(styles), ["sheet"], "jpeg")


def _styles(painting: Painting) -> list[str]:
    return [_style(style) for style in painting.styles]


def _style(style: StoredStyle) -> str:
    """Return a style's name: the preset's, or that of its picture's file; empty if that has none."""
    return style.preset or (stem(style.images[0].file.name) if style.images else "")
