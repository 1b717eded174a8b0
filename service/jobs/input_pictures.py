"""The input pictures of a transfer, each with its place in the request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.storage.stored_files import StoredImage


@dataclass(frozen=True)
class InputPicture:
    """A picture of the request at a dotted path, as in `styles.0.mask`; a style image has its weight and scale."""

    loc: str
    image: StoredImage
    weight: float | None = None
    scale: float | None = None


def files_of(request: TransferRequest) -> Iterator[InputPicture]:
    """Yield all pictures that a transfer refers to; those of presets are as they were when it was submitted.

    A batch's item whose content couldn't be read has none.
    """
    if request.content.sha256:
        yield InputPicture("content", request.content)
    yield from _of_painting("", request.base)
    for i, variant in enumerate(request.variants):
        yield from _of_painting(f"variants.{i}.", variant)


def _of_painting(loc: str, painting: Painting) -> Iterator[InputPicture]:
    over_content = {
        "init": painting.initial_image,
        "protect": painting.protect,
        "strength_map": painting.strength_map,
    }
    yield from _given(loc, over_content)
    for i, style in enumerate(painting.styles):
        yield from _of_style(f"{loc}styles.{i}.", style)


def _of_style(loc: str, style: StoredStyle) -> Iterator[InputPicture]:
    for k, image in enumerate(style.images):
        name = f"images.{k}" if style.preset else "image"
        yield InputPicture(f"{loc}{name}", image.file, image.weight, image.scale)
    yield from _given(loc, {"mask": style.mask, "style_mask": style.style_mask})


def _given(loc: str, images: dict[str, StoredImage | None]) -> Iterator[InputPicture]:
    for name, image in images.items():
        if image is not None:
            yield InputPicture(f"{loc}{name}", image)
