"""Orders from files and arrays, for programs that paint without a server."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from service.decoding import files
from service.errors import InvalidInput
from service.options import TransferOptions
from service.painting.order import Order
from service.pictures import images
from service.pictures.cutout import fitted
from service.pictures.images import ImageFile, Picture, UnreadableImage
from service.pictures.sizes import content_size_errors, style_size_errors
from service.pictures.style_image import StyleImage
from service.styles.style import Style

Source = str | PathLike[str] | Picture
"""A picture: the path of its file, or H x W x 3 uint8 sRGB."""


def read(field: str, source: Source) -> ImageFile:
    """Read a picture. Raises InvalidInput, which names the field, for one that can't be read."""
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:  # noqa: PLR2004
            raise InvalidInput.field(field, f"must be H x W x 3 uint8, not {source.shape} {source.dtype}")
        return _checked(field, "", images.encode(source))
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise InvalidInput.field(field, f"{source}: {error.strerror}") from error
    return _checked(field, f"{source}: ", data)


def style_of(source: Source, weight: float = 1.0, scale: float = 1.0) -> Style:
    """Make a style of one picture. Raises InvalidInput for one that can't be read."""
    return Style.of(StyleImage(read("style", source), scale=scale), weight)


def make_order(
    content: ImageFile, styles: Sequence[Style], options: TransferOptions, initial_image: ImageFile | None = None
) -> Order:
    """Make an order of these pictures, decoded.

    Raises:
        InvalidInput: there is no style, a picture can't be brought to the options' size, or `init` is "image" and
            there is no initial image.
    """
    _check(content, styles, options, initial_image)
    if options.alpha == "flatten":
        initial = files.decode(initial_image.data) if initial_image else None
        return Order(files.decode(content.data), styles, options, initial)
    seen = fitted(files.decode_cutout(content.data), options.size)
    initial = files.decode_cutout(initial_image.data).colours if initial_image else None
    return Order(seen.colours, styles, options, initial, alpha=seen.alpha)


def _check(
    content: ImageFile, styles: Sequence[Style], options: TransferOptions, initial_image: ImageFile | None
) -> None:
    if not styles:
        raise InvalidInput.field("style", "give at least one style image")
    if options.init == "image" and initial_image is None:
        raise InvalidInput.field("init", 'is "image", but there is no initial image')
    sizes = [(image, image.scale) for style in styles for image in style.images]
    errors = content_size_errors(content, options.size) + style_size_errors("scale", sizes, options.size)
    if errors:
        raise InvalidInput(errors)


def _checked(field: str, name: str, data: bytes) -> ImageFile:
    try:
        return files.check_image(data)
    except UnreadableImage as error:
        raise InvalidInput.field(field, f"{name}{error}") from error
