"""Checks beyond a body's types: pictures, packs and options must fit together."""

from __future__ import annotations

from collections.abc import Callable

from service.api.schemas.requests import StyleEntry
from service.errors import FieldError
from service.options import TransferOptions
from service.pictures.sizes import HasSize
from service.storage.records import PresetPack

ASPECT = 0.02  # share by which the aspect ratios of a mask and its picture may differ


def aspect_errors(loc: str, mask: HasSize | None, picture: HasSize) -> list[FieldError]:
    """Return an error if a mask doesn't have the aspect ratio of the picture that it lies over."""
    if mask is None or abs(mask.width * picture.height / (mask.height * picture.width) - 1) <= ASPECT:
        return []
    shape, other = f"{mask.width} x {mask.height}", f"{picture.width} x {picture.height}"
    return [FieldError(loc, f"is {shape} pixels, which is another shape than the {other} of the picture it is for")]


def pack_errors(loc: str, pack: PresetPack, options: TransferOptions, model: str) -> list[FieldError]:
    """Return the errors of these options with a preset's pack: it has no pictures, and may lack layers.

    `model`: SHA-256 of the model that the workers compute with.
    """
    errors = []
    if pack.model != model:
        errors.append(FieldError(loc, "its Gram matrices are of another model than this service's"))
    if options.color != "style":
        errors.append(FieldError(loc, f"it has no picture to treat for color {options.color!r}"))
    if missing := sorted(set(options.style_layers) - set(pack.layers)):
        errors.append(FieldError(loc, f"its pack has no Gram matrices of {', '.join(missing)}"))
    return errors


def painter_errors(at: Callable[[str], str], entry: StyleEntry, *, has_painter: bool) -> list[FieldError]:
    """Return the errors of a style with the method "painter"; `at` gives the place of one of the entry's fields."""
    if entry.image is not None:
        return [FieldError(at("image"), "the method painter paints in presets that have a painter, not in images")]
    errors = []
    if not has_painter:
        how = f"PUT /v1/styles/{entry.preset}/painter teaches it one"
        errors.append(FieldError(at("preset"), f"the preset {entry.preset!r} has no painter yet: {how}"))
    for name, default in (("scale", 1.0), ("style_mask", None)):
        if getattr(entry, name) != default:
            errors.append(FieldError(at(name), "has no effect with the method painter; leave it out"))
    return errors
