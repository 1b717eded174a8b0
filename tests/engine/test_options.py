"""Options: their defaults, the end of each range, and what is said of wrong ones."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InvalidInput
from service.network.layers import LAYERS
from service.options import DEFAULTS, OPTIONS, TransferOptions, weights_at

WEIGHTS = ("content_weight", "style_weight", "tv_weight")
RANGES = {
    "size": (32, 4096),
    "content_weight": (0, 1e9),
    "style_weight": (0, 1e9),
    "tv_weight": (0, 1e9),
    "strength": (0, 1),
    "iterations": (0, 5000),
    "levels": (1, 6),
    "tolerance": (0, 1),
    "seed": (0, 2**63 - 1),
    "quality": (1, 100),
}
CHOICES = {
    "loss_scaling": ("relative", "per_element", "gatys"),
    "optimizer": ("lbfgs", "adam"),
    "init": ("content", "random", "style", "image"),
    "color": ("style", "luminance", "match"),
    "method": ("optimize", "painter"),
    "format": ("png", "jpeg", "webp"),
    "alpha": ("flatten", "keep"),
}
WHOLE = [name for name in RANGES if name not in (*WEIGHTS, "strength", "tolerance")]
LAYER_OPTIONS = ("content_layers", "style_layers")


def made(**options: Any) -> TransferOptions:
    """The options, where a test has their names in a variable."""
    return TransferOptions(**options)


def wrong(**options: Any) -> dict[str, str]:
    """The locations and messages of what is wrong with the options."""
    with pytest.raises(InvalidInput) as caught:
        TransferOptions(**options)
    return {error.loc: error.msg for error in caught.value.errors}


def test_the_defaults_are_those_of_the_api() -> None:
    assert TransferOptions().as_dict() == {
        "size": 512,
        "content_weight": 0.15,
        "style_weight": 1.0,
        "tv_weight": 0.5,
        "strength": None,
        "content_layers": {"relu4_2": 1.0},
        "style_layers": {"relu1_1": 0.2, "relu2_1": 0.2, "relu3_1": 0.2, "relu4_1": 0.2, "relu5_1": 0.2},
        "loss_scaling": "relative",
        "iterations": 90,
        "levels": 3,
        "tolerance": 0.001,
        "optimizer": "lbfgs",
        "init": "content",
        "seed": 0,
        "color": "style",
        "method": "optimize",
        "format": "png",
        "quality": 90,
        "alpha": "flatten",
    }


def test_a_painter_paints_without_iterations_unless_they_are_asked_for() -> None:
    assert TransferOptions.of(method="painter").iterations == 0
    assert TransferOptions.of(method="painter", iterations=7, tv_weight=0.1).iterations == 7
    assert TransferOptions.of(method="painter", strength=0.8).style_weight == 1.6


@pytest.mark.parametrize(
    "option", [{"init": "random"}, {"levels": 1}, {"seed": 3}, {"content_weight": 2.0}, {"optimizer": "adam"}]
)
def test_an_option_that_a_painter_does_not_look_at_is_refused(option: dict[str, Any]) -> None:
    (name,) = option
    assert "no effect with the method painter" in wrong(method="painter", iterations=0, **option)[name]


@pytest.mark.parametrize("option", [{"tolerance": 0.5}, {"tv_weight": 3.0}])
def test_nor_is_it_taken_beside_a_strength(option: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="no effect"):
        TransferOptions.of(method="painter", strength=0.7, **option)


def test_every_option_is_tested_here_and_explained_there() -> None:
    assert set(OPTIONS) == {*RANGES, *CHOICES, *LAYER_OPTIONS}
    assert all(option.metadata["doc"] for option in OPTIONS.values())


@pytest.mark.parametrize(("name", "ends"), RANGES.items())
def test_both_ends_of_a_range_are_allowed_and_nothing_beyond(name: str, ends: tuple[float, float]) -> None:
    low, high = ends
    for value in ends:
        assert getattr(made(**{name: value}), name) == value
    step = 1 if name in WHOLE else 1e-3
    for value in (low - step, high + step * 1000):
        assert list(wrong(**{name: value})) == [name]


@pytest.mark.parametrize(("name", "choices"), CHOICES.items())
def test_a_choice_is_one_of_its_words(name: str, choices: tuple[str, ...]) -> None:
    for choice in choices:
        assert getattr(made(**{name: choice}), name) == choice
    for value in ("", choices[0].upper(), None, 0, [choices[0]], "none"):
        assert wrong(**{name: value}) == {name: f"must be one of {', '.join(choices)}"}


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, False, "1", [1], 10**400])
def test_what_is_no_finite_number_is_refused(name: str, value: Any) -> None:
    assert list(wrong(**{name: value})) == [name]


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_whole(name: str) -> None:
    assert wrong(**{name: 50.0}) == {name: "must be a whole number"}


@pytest.mark.parametrize("name", [name for name in RANGES if name != "strength"])
def test_no_number_may_be_null(name: str) -> None:
    assert list(wrong(**{name: None})) == [name]


def test_a_strength_that_is_null_is_none() -> None:
    assert TransferOptions(strength=None) == TransferOptions.of(strength=None) == TransferOptions()


# Layers


def test_the_layers_are_those_of_vgg19() -> None:
    expected = [f"relu{block}_{i}" for block, n in ((1, 2), (2, 2), (3, 4), (4, 4), (5, 4)) for i in range(1, n + 1)]
    assert list(LAYERS) == expected


@pytest.mark.parametrize("name", LAYER_OPTIONS)
def test_every_layer_can_be_asked_for(name: str) -> None:
    layers = dict.fromkeys(LAYERS, 1.0)
    assert getattr(made(**{name: layers}), name) == layers


@pytest.mark.parametrize("name", LAYER_OPTIONS)
@pytest.mark.parametrize("layer", ["relu9_9", "conv1_1", "relu1_3", "RELU1_1", "", 1])
def test_an_unknown_layer_is_named(name: str, layer: Any) -> None:
    (loc, msg) = next(iter(wrong(**{name: {"relu1_1": 1.0, layer: 1.0}}).items()))
    assert loc == f"{name}.{layer}"
    assert "relu1_1, relu1_2, relu2_1" in msg


@pytest.mark.parametrize("name", LAYER_OPTIONS)
@pytest.mark.parametrize("weight", [-1, 1.1e9, math.nan, math.inf, True, "1", None, 10**400])
def test_a_wrong_weight_of_a_layer_is_named(name: str, weight: Any) -> None:
    assert list(wrong(**{name: {"relu1_1": weight, "relu2_1": 1.0}})) == [f"{name}.relu1_1"]


@pytest.mark.parametrize("name", LAYER_OPTIONS)
@pytest.mark.parametrize("layers", [{}, [], None, "relu1_1", ["relu1_1"], {"relu1_1": 0.0, "relu2_1": 0}])
def test_at_least_one_layer_must_count(name: str, layers: Any) -> None:
    assert list(wrong(**{name: layers})) == [name]


def test_a_layer_may_weigh_nothing_beside_others() -> None:
    layers = {"relu1_1": 0.0, "relu2_1": 1}
    assert TransferOptions(style_layers=layers).style_layers == layers


# Together


def test_content_or_style_must_have_a_weight_above_zero() -> None:
    for tv_weight in (0, 1):
        assert list(wrong(content_weight=0, style_weight=0, tv_weight=tv_weight)) == ["style_weight"]
    for name in ("content_weight", "style_weight"):
        made(**(dict.fromkeys(WEIGHTS, 0) | {name: 1e-3}))


def test_all_that_is_wrong_is_named_at_once() -> None:
    found = wrong(size=0, tv_weight=-1, style_layers={"relu9_9": 1, "relu1_1": math.nan}, init="nothing")
    assert set(found) == {"size", "tv_weight", "style_layers.relu9_9", "style_layers.relu1_1", "init"}


@given(
    size=st.integers(32, 4096),
    weights=st.tuples(*[st.floats(1e-6, 1e9)] * 3),
    layers=st.dictionaries(st.sampled_from(LAYERS), st.floats(1e-6, 1e9), min_size=1),
    iterations=st.integers(0, 5000),
    seed=st.integers(0, 2**63 - 1),
)
def test_options_survive_the_way_to_json_and_back(
    size: int, weights: tuple[float, ...], layers: dict[str, float], iterations: int, seed: int
) -> None:
    options = made(
        size=size, seed=seed, iterations=iterations, style_layers=layers, **dict(zip(WEIGHTS, weights, strict=True))
    )
    assert TransferOptions(**json.loads(json.dumps(options.as_dict()))) == options


def test_the_layers_are_all_that_the_encoder_has_to_give() -> None:
    options = TransferOptions(content_layers={"relu2_1": 1.0}, style_layers={"relu1_1": 1.0, "relu2_1": 1.0})
    assert options.layers == {"relu1_1", "relu2_1"}


# Strength


@pytest.mark.parametrize(
    ("strength", "weights"),
    [(0, (0.3, 0.0, 0.0)), (0.25, (0.225, 0.5, 0.25)), (0.5, (0.15, 1.0, 0.5)), (1, (0.0, 2.0, 0.0))],
)
def test_a_strength_stands_for_the_weights(strength: float, weights: tuple[float, ...]) -> None:
    """From all content over the defaults to all style, the smoothing with the weaker of the two."""
    options = TransferOptions.of(strength=strength)
    assert tuple(getattr(options, name) for name in WEIGHTS) == pytest.approx(weights, abs=1e-12)
    assert options.strength == strength
    assert options == made(strength=strength, **weights_at(strength))


def test_half_the_strength_is_exactly_the_defaults() -> None:
    assert dataclasses.replace(TransferOptions.of(strength=0.5), strength=None) == TransferOptions()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True).map(sorted))
def test_more_strength_is_never_more_content_or_less_style(strengths: list[float]) -> None:
    less, more = (TransferOptions.of(strength=strength) for strength in strengths)
    assert less.content_weight >= more.content_weight
    assert less.style_weight <= more.style_weight
    assert max(less.tv_weight, more.tv_weight) <= TransferOptions().tv_weight


@pytest.mark.parametrize("name", ["content_weight", "style_weight"])
def test_a_strength_and_a_weight_that_it_stands_for_are_an_error(name: str) -> None:
    for value in (1.0, OPTIONS[name].default):
        with pytest.raises(InvalidInput) as caught:
            TransferOptions.of(strength=0.5, **{name: value})
        assert [error.loc for error in caught.value.errors] == ["strength"]
        assert name in caught.value.errors[0].msg
    assert getattr(TransferOptions.of(strength=None, **{name: 7.0}), name) == 7.0


def test_a_strength_and_both_weights_name_both() -> None:
    with pytest.raises(InvalidInput, match="content_weight and style_weight"):
        TransferOptions.of(strength=0.5, content_weight=1.0, style_weight=1.0)


def test_a_smoothness_that_is_given_stays_beside_a_strength() -> None:
    options = TransferOptions.of(strength=1.0, tv_weight=0.25)
    assert (options.content_weight, options.style_weight, options.tv_weight) == (0.0, 2.0, 0.25)


@pytest.mark.parametrize("strength", [-0.1, 1.1, math.nan, math.inf, True, "1", 10**400])
def test_a_wrong_strength_is_named_before_anything_is_made_of_it(strength: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        TransferOptions.of(strength=strength, size=0)
    assert {error.loc for error in caught.value.errors} == {"strength", "size"}


def test_options_of_a_strength_survive_the_way_to_json_and_back() -> None:
    """A row holds the weights too: they are not an error then."""
    options = TransferOptions.of(strength=0.7)
    assert TransferOptions(**json.loads(json.dumps(options.as_dict()))) == options


def test_the_defaults_of_one_are_not_shared_with_the_next() -> None:
    assert TransferOptions().style_layers is not TransferOptions().style_layers
    assert TransferOptions().as_dict()["style_layers"] is not TransferOptions().style_layers


def test_the_defaults_that_stored_options_share_can_not_be_changed() -> None:
    stored = TransferOptions.stored({"size": 64})
    layers: Any
    for layers in (DEFAULTS["style_layers"], stored.style_layers):
        with pytest.raises(TypeError):
            layers["relu1_1"] = 7.0
    with pytest.raises(TypeError):
        DEFAULTS["size"] = 64  # type: ignore[index]
    assert stored == TransferOptions(size=64)
    assert json.loads(json.dumps(stored.as_dict())) == TransferOptions(size=64).as_dict()


def test_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TransferOptions().size = 64  # type: ignore[misc]


@pytest.mark.parametrize("format", CHOICES["format"])
def test_a_jpeg_alone_cannot_keep_the_alpha(format: str) -> None:
    if format == "jpeg":
        assert set(wrong(format=format, alpha="keep")) == {"alpha"}
    else:
        assert TransferOptions(format=format, alpha="keep").alpha == "keep"
