"""Which pictures a body asks for, each with all that is said of it: the transfer's own, variants, a blend's steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.api.schemas.fields import JobInit
from service.api.schemas.requests import BlendBody, PaintingBody, StyleEntry, TransferBody
from service.errors import FieldError, InvalidInput
from service.pictures.images import ImageFile

DIAL = ("content_weight", "style_weight")  # what a strength stands for
Given = dict[str, Any]  # the fields that somebody named, each with its value


@dataclass(frozen=True)
class Asked:
    """One picture asked for: `loc` is where the body speaks of it, `entries` where it names styles without a list."""

    loc: str
    label: str
    given: Given
    entries: tuple[str, ...] = ()

    def of_style(self, i: int) -> Callable[[str], str]:
        """Where the body says what there is to a style: a field's name -> its place."""
        return lambda field: self.entries[i] if self.entries else f"{self.loc}styles.{i}.{field}"


def given_in(body: PaintingBody) -> Given:
    """What the caller named, without defaults."""
    return {name: getattr(body, name) for name in body.model_fields_set}


def varied(body: TransferBody, given: Given) -> list[Asked]:
    """The variants, each over what is said of all."""
    own = [given_in(variant) for variant in body.variants]
    return [Asked(f"variants.{i}.", _label(mine), _overridden(given, mine)) for i, mine in enumerate(own)]


def _overridden(given: Given, own: Given) -> Given:
    """A variant's word goes before the transfer's; so does its strength before weights, and the other way round."""
    if own.get("strength") is not None:
        given = {name: value for name, value in given.items() if name not in DIAL}
    elif any(name in own for name in DIAL):
        given = {name: value for name, value in given.items() if name != "strength"}
    return given | own


def blended(blend: BlendBody, given: Given) -> list[Asked]:
    """The steps of a walk, both ends included. Raises InvalidInput for fields that it takes the place of."""
    errors = [
        FieldError(name, "is not for a transfer with blend") for name in ("styles", "variants") if name in given
    ]
    if errors:
        raise InvalidInput(errors)
    asked = []
    for step in range(blend.steps + 1):
        t = step / blend.steps
        shares = [("blend.from", blend.start, 1 - t), ("blend.to", blend.to, t)]
        shares = [share for share in shares if share[2] > 0]
        styles = [StyleEntry(preset=name, weight=weight) for _, name, weight in shares]
        label = " + ".join(f"{weight:.0%} {name}" for _, name, weight in shares)
        asked.append(Asked("", label, given | {"styles": styles}, tuple(loc for loc, *_ in shares)))
    return asked


def _label(own: Given) -> str:
    """What a variant has of its own, in the order of its fields."""
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
