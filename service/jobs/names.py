"""File names of a transfer's results: after its content and its styles."""

from __future__ import annotations

from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.pictures.file_names import result_name, stem


def picture_name(request: TransferRequest, i: int, format: str) -> str:
    """Return the name of a transfer's picture `i` as a file of this format, as in `photo - mosaic.png`."""
    paintings = request.paintings
    number = str(i + 1) if len(paintings) > 1 else ""
    painting = paintings[i] if i < len(paintings) else request.base  # a damaged request has lost its variants
    return result_name(request.content.name, _styles(painting), number, format)


def sheet_name(request: TransferRequest) -> str:
    """Return the name of a transfer's contact sheet."""
    return result_name(request.content.name, [], "sheet", "jpeg")


def _styles(painting: Painting) -> list[str]:
    return [_style(style) for style in painting.styles]


def _style(style: StoredStyle) -> str:
    """Return a style's name: the preset's, or that of its picture's file; empty if that has none."""
    return style.preset or (stem(style.images[0].file.name) if style.images else "")
