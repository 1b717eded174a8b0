"""The pictures that a body requests, each with all its options: the transfer's own, its variants, a blend's steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.api.schemas.fields import JobInit
from service.api.schemas.requests import BlendBody, PaintingBody, RecipeBody, StyleEntry
from service.errors import FieldError, InvalidInput
from service.options import contradicted_by
from service.pictures.images import ImageFile

RequestedOptions = dict[str, Any]
"""The fields that the caller named, each with its value."""


@dataclass(frozen=True)
class RequestedPainting:
    """One picture that a body requests.

    Attributes:
        loc: what comes before the names of its fields in errors, as in `variants.0.`.
        label: what the contact sheet calls it.
        options: its fields without defaults.
        entries: for a blend, whose styles are no list: the fields of the body that name them.
    """

    loc: str
    label: str
    options: RequestedOptions
    entries: tuple[str, ...] = ()

    def style_loc(self, i: int) -> Callable[[str], str]:
        """Return a function from a field of style `i` to its place in the body."""
        return lambda field: self.entries[i] if self.entries else f"{self.loc}styles.{i}.{field}"


def requested_options(body: PaintingBody) -> RequestedOptions:
    """Return the fields that the caller named, without defaults."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def variants_of(body: RecipeBody, common: RequestedOptions) -> list[RequestedPainting]:
    """Return the variants of a transfer; `common` holds what it requests for all of them."""
    return [
        RequestedPainting(f"variants.{i}.", _label(own), _merged(common, own))
        for i, own in enumerate(map(requested_options, body.variants))
    ]


def _merged(common: RequestedOptions, own: RequestedOptions) -> RequestedOptions:
    """Return a variant's options over the common ones, without those that its own contradict."""
    replaced = contradicted_by(own)
    return {name: value for name, value in common.items() if name not in replaced} | own


def blend_steps(blend: BlendBody, common: RequestedOptions) -> list[RequestedPainting]:
    """Return the pictures of a blend, both ends included.

    Raises InvalidInput where the body also has fields that a blend replaces.
    """
    errors = [
        FieldError(name, "is not for a transfer with blend") for name in ("styles", "variants") if name in common
    ]
    if errors:
        raise InvalidInput(errors)
    return [_blend_step(blend, step / blend.steps, common) for step in range(blend.steps + 1)]


def _blend_step(blend: BlendBody, t: float, common: RequestedOptions) -> RequestedPainting:
    shares = [("blend.from", blend.start, 1 - t), ("blend.to", blend.to, t)]
    shares = [share for share in shares if share[2] > 0]
    styles = [StyleEntry(preset=name, weight=weight) for _, name, weight in shares]
    label = " + ".join(f"{weight:.0%} {name}" for _, name, weight in shares)
    return RequestedPainting("", label, common | {"styles": styles}, tuple(loc for loc, *_ in shares))


def _label(own: RequestedOptions) -> str:
    """Return a variant's label: its own options, in the order of the fields."""
    return ", ".join(_named(name, own[name]) for name in PaintingBody.model_fields if name in own) or "as it is"


def _named(name: str, value: Any) -> str:
    if name == "styles":
        return " + ".join(_style_named(entry, len(value)) for entry in value)
    if isinstance(value, ImageFile | JobInit):
        value = "image"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _style_named(entry: StyleEntry, of: int) -> str:
    share = f"{entry.weight:g} " if of > 1 else ""
    scale = f" scale {entry.scale:g}" if entry.scale != 1 else ""
    masked = " masked" if entry.mask or entry.style_mask else ""
    return f"{share}{entry.preset or 'image'}{scale}{masked}"
