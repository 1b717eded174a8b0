"""The input pictures of a transfer, each with its place in the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Found = tuple[str, Mapping[str, Any]]
"""A dotted path in the request, as in `styles.0.mask`, and the image as the row describes it."""

MASKS = ("mask", "style_mask")
OVER_CONTENT = {"init": "first", "protect": "protect", "strength_map": "strength_map"}  # in the request, in the row


def files_of(request: Mapping[str, Any]) -> Iterator[Found]:
    """Yield all pictures that a transfer's row refers to; a preset's as they were at submission."""
    yield "content", request["content"]
    yield from _of_painting("", request)
    for i, variant in enumerate(request.get("variants", ())):
        yield from _of_painting(f"variants.{i}.", variant)


def _of_painting(loc: str, painting: Mapping[str, Any]) -> Iterator[Found]:
    for name, key in OVER_CONTENT.items():
        if painting.get(key):
            yield f"{loc}{name}", painting[key]
    for i, style in enumerate(painting["styles"]):
        yield from _of_style(f"{loc}styles.{i}", style)


def _of_style(loc: str, style: Mapping[str, Any]) -> Iterator[Found]:
    for k, image in enumerate(style["images"]):
        yield f"{loc}.images.{k}" if style["preset"] else f"{loc}.image", image
    for name in MASKS:
        if style.get(name):
            yield f"{loc}.{name}", style[name]
