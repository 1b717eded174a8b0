"""The options of a transfer.

Each option's default, range and meaning are written here: the HTTP schema, the command line and the table in
docs/options.md are made from `TransferOptions`, and tests hold them to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from service.errors import FieldError, InvalidInput
from service.network.layers import LAYERS
from service.settings.numbers import as_whole

REAL = ("content_weight", "style_weight", "tv_weight", "strength", "tolerance")
MAX_WEIGHT = 1e9
CONTENT_WEIGHT, TV_WEIGHT = 0.15, 0.5  # the defaults, which a strength of 0.5 gives
STRENGTH_WEIGHTS = ("content_weight", "style_weight")  # `strength` sets both
BESIDE_PAINTER: tuple[str, ...] = ("levels", "init", "seed")  # options without effect if painters paint
OF_OPTIMIZER: tuple[str, ...] = (
    "content_weight", "style_weight", "tv_weight", "content_layers", "style_layers", "loss_scaling", "optimizer",
    "tolerance",
)  # fmt: skip
"""Options that only the optimiser uses."""

OF_PRESET: tuple[str, ...] = (
    "size", "strength", "content_weight", "style_weight", "tv_weight", "content_layers", "style_layers",
    "loss_scaling", "iterations", "levels", "tolerance", "optimizer", "init", "seed", "color",
)  # fmt: skip
"""Options that a preset can carry: those of the look. Method and file format are the transfer's own."""

STYLE_WEIGHTS = (0.0, 1e6)  # range of a style's share in the average
STYLE_SCALES = (0.05, 4.0)  # range of a style image's size relative to the output's

LossScaling = Literal["relative", "per_element", "gatys"]
Optimizer = Literal["lbfgs", "adam"]
Init = Literal["content", "random", "style", "image"]
Color = Literal["style", "luminance", "match"]
Method = Literal["optimize", "painter"]
PAINTER: Method = "painter"  # the presets' painters make the picture, which iterations can refine
PAINTED_ONCE = 0.5  # strength above which painters paint their own painting once more
Format = Literal["png", "jpeg", "webp"]
Alpha = Literal["flatten", "keep"]


def _option(default: Any, doc: str, *, symbol: str = "", low: float | None = None, high: float | None = None,
            choices: tuple[str, ...] = ()) -> Any:  # fmt: skip
    metadata = {"doc": doc, "symbol": symbol, "low": low, "high": high, "choices": choices}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class TransferOptions:
    """The options of one transfer, defaults filled in and checked.

    Raises:
        InvalidInput: naming every field that is out of range, of the wrong type or unknown.
    """

    size: int = _option(512, "Long edge of the output in pixels.", low=32, high=4096)
    content_weight: float = _option(
        CONTENT_WEIGHT, "How much the output keeps of the content image.", symbol="alpha", low=0, high=MAX_WEIGHT
    )
    style_weight: float = _option(
        1.0, "How much the output takes from the styles.", symbol="beta", low=0, high=MAX_WEIGHT
    )
    tv_weight: float = _option(
        TV_WEIGHT, "Smoothness: weight of the total variation.", symbol="gamma", low=0, high=MAX_WEIGHT
    )
    strength: float | None = _option(
        None,
        "One dial instead of the two weights: 0 is the content image, 0.5 the defaults, 1 all style.",
        low=0,
        high=1,
    )
    content_layers: Mapping[str, float] = _option(
        {"relu4_2": 1.0}, "Layers whose features are kept, each with its weight.", low=0, high=MAX_WEIGHT
    )
    style_layers: Mapping[str, float] = _option(
        {f"relu{block}_1": 0.2 for block in range(1, 6)},
        "Layers whose Gram matrices are matched, each with its weight.",
        symbol="lambda",
        low=0,
        high=MAX_WEIGHT,
    )
    loss_scaling: str = _option(
        "relative",
        "Form of the losses: relative to the target's norm, per element, or exactly the sums of Gatys et al.",
        choices=get_args(LossScaling),
    )
    iterations: int = _option(
        90, "Optimiser steps at most, in all; 0 gives back the initial image with its losses.", low=0, high=5000
    )
    levels: int = _option(
        3,
        "Sizes at which the picture is worked out, coarse to fine, each twice the last; fewer for small pictures.",
        low=1,
        high=6,
    )
    tolerance: float = _option(
        0.001,
        "A level ends early where the objective falls by less than this share of itself in an iteration; 0: never.",
        low=0,
        high=1,
    )
    optimizer: str = _option("lbfgs", "Method of minimisation.", choices=get_args(Optimizer))
    init: str = _option("content", "The initial image.", choices=get_args(Init))
    seed: int = _option(0, "Seed of the random initial image.", low=0, high=2**63 - 1)
    color: str = _option(
        "style",
        "The style's colours, its luminance over the content's chroma, or the style recoloured to the content first.",
        choices=get_args(Color),
    )
    method: str = _option(
        "optimize",
        "The optimiser, or one pass of the presets' painters, which iterations can refine (default then: 0).",
        choices=get_args(Method),
    )
    format: str = _option("png", "File format of the result.", choices=get_args(Format))
    quality: int = _option(90, "Quality of a JPEG or WebP result.", low=1, high=100)
    alpha: str = _option(
        "flatten",
        "The content's transparency: laid over white, or kept in the result (PNG and WebP).",
        choices=get_args(Alpha),
    )

    def __post_init__(self) -> None:
        errors = [error for f in fields(self) for error in _errors_of(f, getattr(self, f.name))]
        if not errors and self.content_weight + self.style_weight == 0:
            errors = [FieldError("style_weight", "content_weight or style_weight must be above 0")]
        if (self.alpha, self.format) == ("keep", "jpeg"):
            errors.append(FieldError("alpha", "a JPEG has no transparency to keep; ask for png or webp"))
        if self.method == PAINTER and not errors:
            errors = self._without_effect()
        if errors:
            raise InvalidInput(errors)

    def _without_effect(self) -> list[FieldError]:
        """Return an error for each option that a painter ignores and that isn't at its default."""
        names = BESIDE_PAINTER if self.iterations else BESIDE_PAINTER + OF_OPTIMIZER
        set_by_strength = {} if self.strength is None else weights_at(self.strength)
        why = "has no effect with the method painter" + ("" if self.iterations else " without iterations")
        changed = [name for name in names if getattr(self, name) not in (DEFAULTS[name], set_by_strength.get(name))]
        return [FieldError(name, f"{why}; leave it out") for name in changed]

    @classmethod
    def of(cls, **given: Any) -> TransferOptions:
        """Return all options, from those that were given.

        A strength sets the weights. With the method "painter", iterations are 0 unless they were given.

        Raises:
            InvalidInput: as the class itself; also for a name that no option has, and for a strength beside one of
                the weights that it sets.
        """
        if unknown := sorted(given.keys() - OPTIONS.keys()):
            raise InvalidInput([FieldError(name, "there is no such option") for name in unknown])
        given = {name: as_whole(value) if _is_whole(name) else value for name, value in given.items()}
        if given.get("method") == PAINTER:
            given = {"iterations": 0} | given
        strength = given.get("strength")
        if strength is None:
            return cls(**given)
        if both := [name for name in STRENGTH_WEIGHTS if name in given]:
            raise InvalidInput.field("strength", f"give either strength or {' and '.join(both)}")
        cls(**given)  # raises if the strength is out of range, before weights are computed from it
        merged: dict[str, Any] = {**weights_at(strength), **given}
        return cls(**merged)

    @property
    def layers(self) -> frozenset[str]:
        """The layers that the encoder has to compute."""
        return frozenset(self.content_layers) | frozenset(self.style_layers)

    @classmethod
    def stored(cls, values: Mapping[str, Any]) -> TransferOptions:
        """Return options as a row of any version holds them, unchecked: `check` them before a picture is painted.

        What is missing or null gets its default. Names that no option has are skipped, see `unknown_options`.
        """
        options = object.__new__(cls)
        vars(options).update({name: default if (value := values.get(name)) is None else value
                              for name, default in DEFAULTS.items()})  # fmt: skip
        return options

    def check(self) -> None:
        """Raise InvalidInput if stored options are not what today's rules allow."""
        type(self)(**vars(self))

    def as_dict(self) -> dict[str, Any]:
        """Return each option's value by its name, as JSON may hold it."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}


def unknown_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stored options have under names that only another version knows."""
    return {name: value for name, value in values.items() if name not in OPTIONS and value is not None}


def begun_with(preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a transfer begins with: those of its preset, replaced by those that were given.

    A given option also replaces those of the preset that it contradicts: a weight the strength, a strength the
    weights, and the method "painter" all that a painter ignores.
    """
    left_out = contradicted_by(given)
    if given.get("method") == PAINTER:
        left_out |= {"iterations", *BESIDE_PAINTER} | (set() if given.get("iterations") else set(OF_OPTIMIZER))
    return {name: preset[name] for name in OF_PRESET if name in preset and name not in left_out} | dict(given)


def contradicted_by(given: Mapping[str, Any]) -> set[str]:
    """Return the options that given ones replace: a strength its weights, one of these weights the strength."""
    replaced = set(STRENGTH_WEIGHTS) if given.get("strength") is not None else set()
    return replaced | ({"strength"} if any(name in given for name in STRENGTH_WEIGHTS) else set())


def weights_at(strength: float) -> dict[str, float]:
    """Return the weights that a strength sets: at 0.5 the defaults, at 0 all content, at 1 all style.

    The smoothing follows the weaker of the two: at 0 the content image should come back as it is, and at 1 nothing
    should hold the style back.
    """
    content, style = 2 * (1 - strength), 2 * strength
    return {
        "content_weight": CONTENT_WEIGHT * content,
        "style_weight": style,
        "tv_weight": TV_WEIGHT * min(content, style),
    }


OPTIONS: Mapping[str, Field[Any]] = {f.name: f for f in fields(TransferOptions)}
"""Name -> dataclass field, whose metadata holds `doc`, `symbol`, `low`, `high` and `choices`."""


def _errors_of(option: Field[Any], value: Any) -> list[FieldError]:
    meta = option.metadata
    if value is None and option.default is None:
        return []
    if meta["choices"]:
        wrong = value not in meta["choices"]
        return [FieldError(option.name, f"must be one of {', '.join(meta['choices'])}")] if wrong else []
    if option.name.endswith("_layers"):
        return _layer_errors(option, value)
    return _number_errors(option.name, value, meta["low"], meta["high"], whole=_is_whole(option.name))


def _is_whole(name: str) -> bool:
    """Return whether an option is a whole number."""
    meta = OPTIONS[name].metadata
    return name not in REAL and not meta["choices"] and not name.endswith("_layers")


def _number_errors(loc: str, value: Any, low: float, high: float, *, whole: bool) -> list[FieldError]:
    number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not number or (isinstance(value, float) and not math.isfinite(value)):
        return [FieldError(loc, f"must be a {'whole' if whole else 'finite'} number")]
    if not low <= value <= high:
        return [FieldError(loc, f"must be between {low:g} and {high:g}")]
    return []


def _layer_errors(option: Field[Any], layers: Any) -> list[FieldError]:
    if not isinstance(layers, Mapping) or not layers:
        return [FieldError(option.name, 'must name at least one layer, as in {"relu4_2": 1.0}')]
    errors = []
    for layer, weight in layers.items():
        loc = f"{option.name}.{layer}"
        if layer not in LAYERS:
            errors.append(FieldError(loc, f"unknown layer; the layers are {', '.join(LAYERS)}"))
        else:
            errors += _number_errors(loc, weight, option.metadata["low"], option.metadata["high"], whole=False)
    if not errors and not sum(layers.values()):
        errors = [FieldError(option.name, "at least one layer's weight must be above 0")]
    return errors


DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {name: MappingProxyType(value) if isinstance(value, dict) else value
     for name, value in vars(TransferOptions()).items()}
)  # fmt: skip
"""Name -> default; stored options share these values, so none of them can be changed."""
