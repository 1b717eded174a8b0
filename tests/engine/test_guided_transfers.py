"""Transfers that are guided by masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
from engine.guidance_masks import left, noise, reference_masks
from engine.paintings import GramsOf
from engine.reference import as_image, content_term, total_variation, vgg_features

from service.engine.guidance import EVERYWHERE, Guidance
from service.engine.stylize import Result, score, stylize
from service.engine.vgg import VGG
from service.network.geometry import reach, stride
from service.network.model import Model
from service.options import TransferOptions
from service.pictures import images
from service.pictures.colour import grey
from service.pictures.images import Picture

SHALLOW = {"relu1_1": 0.5, "relu2_1": 0.5}
FIVE = tuple(f"relu{block}_1" for block in range(1, 6))


Paint = Callable[..., Result]
TwoStyles = Callable[[Iterable[str]], list[dict[str, np.ndarray]]]


@pytest.fixture
def paint(encoder: VGG) -> Paint:
    """A transfer, from its pictures, Grams, guidance and options."""

    def paint(
        content: Picture, grams: list[dict[str, np.ndarray]], guidance: Guidance, *,
        initial_image: Picture | None = None, whole: int = 10**9, **options: Any,
    ) -> Result:  # fmt: skip
        asked = TransferOptions(**{"iterations": 4} | options)
        return stylize(
            encoder, content, lambda size: grams, asked,
            guidance=guidance, initial_image=initial_image, max_whole_pixels=whole,
        )  # fmt: skip

    return paint


@pytest.fixture
def two_styles(grams_of: GramsOf, small_texture: Picture) -> TwoStyles:
    """Layers -> the Grams of the texture, and of the texture with its colours turned round."""
    mirrored = np.ascontiguousarray(255 - small_texture[..., ::-1])
    return lambda layers: [grams_of(style, tuple(layers)) for style in (small_texture, mirrored)]


@pytest.fixture
def larger_photo(photo: Picture) -> Picture:
    """96 x 128, which is worked out at two levels."""
    return np.ascontiguousarray(photo[60:252:2, 100:356:2])


@pytest.fixture
def art(texture: Picture) -> Picture:
    """A style for it, of the same size."""
    return np.ascontiguousarray(texture[:96, :128])


@pytest.mark.parametrize("options", [
    {}, {"init": "random"}, {"init": "style"}, {"optimizer": "adam"}, {"color": "luminance"},
    {"color": "luminance", "init": "random"}, {"tv_weight": 50.0, "content_weight": 0.0}, {"whole": 1},
], ids=str)  # fmt: skip
def test_what_is_protected_stays_byte_for_byte(
    paint: Paint, larger_photo: Picture, art: Picture, grams_of: GramsOf, options: dict[str, Any]
) -> None:
    protect = left(96, 128, 50)
    protect[70:, 90:] = 1
    grams = grams_of(grey(art) if options.get("color") == "luminance" else art)
    result = paint(larger_photo, [grams], Guidance(protect=protect), initial_image=art, **options)
    kept = protect == 1
    np.testing.assert_array_equal(result.picture[kept], larger_photo[kept])
    assert np.abs(result.picture[~kept].astype(float) - larger_photo[~kept]).mean() > 1


def test_what_is_protected_by_half_goes_half_the_way_at_most(
    paint: Paint, small_photo: Picture, two_styles: TwoStyles
) -> None:
    guidance = Guidance(protect=np.full((48, 64), 0.5, np.float32))
    result = paint(small_photo, two_styles(FIVE)[:1], guidance, init="random", content_weight=0.0)
    content, found = small_photo.astype(float), result.picture.astype(float)
    assert (found >= content / 2 - 1).all()
    assert (found <= (content + 255) / 2 + 1).all()
    assert np.abs(found - content).max() > 30


@pytest.mark.parametrize("whole", [10**9, 1], ids=["whole", "tiled"])
def test_far_from_where_the_strength_is_0_nothing_changes(
    paint: Paint, small_photo: Picture, two_styles: TwoStyles, whole: int
) -> None:
    """Style alone: a feature that counts sees as far into the rest as it is seen from there."""
    options = {"iterations": 8, "content_weight": 0, "tv_weight": 0, "style_layers": SHALLOW}
    guidance = Guidance(strength_map=left(48, 64, 32))
    result = paint(small_photo, two_styles(SHALLOW)[:1], guidance, whole=whole, **options)
    far = 32 + 2 * (reach("relu2_1") + stride("relu2_1"))
    np.testing.assert_array_equal(result.picture[:, far:], small_photo[:, far:])
    assert np.abs(result.picture[:, :32].astype(float) - small_photo[:, :32]).mean() > 2


def test_more_strength_at_a_place_is_more_paint_there(
    paint: Paint, small_photo: Picture, two_styles: TwoStyles
) -> None:
    """From left to right, beside a content loss of pixels' neighbourhoods."""
    strength = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None], 48, axis=0)
    options = {"iterations": 30, "tv_weight": 0, "style_layers": SHALLOW, "content_layers": {"relu1_1": 1.0}}
    result = paint(small_photo, two_styles(SHALLOW)[:1], Guidance(strength_map=strength), **options)
    moved = np.abs(result.picture.astype(float) - small_photo).mean(axis=(0, 2))
    assert moved[:16].mean() < moved[24:40].mean() < moved[48:].mean()


def distances(
    features: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], grams: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Layer -> squared distance of the Gram of features under masks from the target."""
    found = {}
    for layer, target in grams.items():
        weighted = np.einsum("kij,lij,ij->kl", features[layer], features[layer], masks[layer])
        found[layer] = float(((weighted / masks[layer].sum() - target) ** 2).sum())
    return found


def test_each_region_takes_on_its_own_style(
    paint: Paint, model: Model, small_photo: Picture, two_styles: TwoStyles
) -> None:
    layers = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1"), 1.0)
    grams, regions = two_styles(layers), (left(48, 64, 32), 1 - left(48, 64, 32))
    result = paint(small_photo, grams, Guidance(regions), iterations=30, style_layers=layers, content_weight=0.01)
    features = vgg_features(model.parameters(), "max", as_image(result.picture))
    for k, region in enumerate(regions):
        masks = reference_masks(region)
        own, other = distances(features, masks, grams[k]), distances(features, masks, grams[1 - k])
        for layer in layers:
            assert own[layer] < other[layer] / 4, layer


REGIONS, STRENGTH, PROTECT = (noise(48, 64, 5), 1 - noise(48, 64, 5)), noise(48, 64, 6), left(48, 64, 9)
LAYER_WEIGHTS = {"relu1_1": 0.4, "relu3_1": 2.0, "relu4_1": 1.0}


def expected_losses(
    model: Model, picture: Picture, content: Picture, grams: list[dict[str, np.ndarray]], scaling: str
) -> dict[str, float]:
    """Each region counts as much as the mean of its weights; numpy and float64."""
    features, wanted = (vgg_features(model.parameters(), "max", as_image(p)) for p in (picture, content))
    losses = {"content": content_term(features["relu4_2"], wanted["relu4_2"], scaling), "style": 0.0}
    for region, targets in zip(REGIONS, grams, strict=True):
        masks = reference_masks(region * STRENGTH * (1 - PROTECT))
        for layer, distance in distances(features, masks, targets).items():
            norm = (targets[layer] ** 2).sum() if scaling == "relative" else 4 * targets[layer].size
            losses["style"] += LAYER_WEIGHTS[layer] * masks[layer].mean() * distance / norm
    losses["tv"] = total_variation(as_image(picture))
    losses["total"] = 0.15 * losses["content"] + losses["style"] + 0.5 * losses["tv"]
    return losses


@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
@pytest.mark.parametrize("whole", [10**9, 1], ids=["whole", "tiled"])
def test_the_losses_that_are_told_are_those_of_the_weighted_grams(
    encoder: VGG, model: Model, small_photo: Picture, two_styles: TwoStyles, *, scaling: str, whole: int
) -> None:
    options = TransferOptions(iterations=4, style_layers=LAYER_WEIGHTS, loss_scaling=scaling)
    grams = two_styles(LAYER_WEIGHTS)
    given: dict[str, Any] = {"guidance": Guidance(REGIONS, PROTECT, STRENGTH), "max_whole_pixels": whole}
    result = stylize(encoder, small_photo, lambda size: grams, options, **given)
    expected = expected_losses(model, result.picture, small_photo, grams, scaling)
    assert vars(result.losses) == pytest.approx(expected, rel=1e-3)
    scored = score(encoder, small_photo, result.picture, grams, options, **given)
    assert vars(scored.losses) == pytest.approx(vars(result.losses), rel=1e-5)
    summed = sum(weight * scored.style[layer] for layer, weight in LAYER_WEIGHTS.items())
    assert summed == pytest.approx(expected["style"], rel=1e-3)


def test_white_masks_are_as_good_as_none(paint: Paint, larger_photo: Picture, two_styles: TwoStyles) -> None:
    grams, white = two_styles(FIVE)[:1], np.ones((10, 14), np.float32)
    plain = paint(larger_photo, grams, EVERYWHERE)
    guided = paint(larger_photo, grams, Guidance((white,), 1 - white, white))
    assert vars(guided.losses) == pytest.approx(vars(plain.losses), rel=1e-3)
    assert np.abs(guided.picture.astype(float) - plain.picture).mean() < 0.5


def test_a_region_that_is_black_counts_for_nothing(
    paint: Paint, larger_photo: Picture, two_styles: TwoStyles
) -> None:
    grams, black = two_styles(FIVE), np.zeros((96, 128), np.float32)
    alone = paint(larger_photo, grams[:1], Guidance((1 - black,)))
    beside = paint(larger_photo, grams, Guidance((1 - black, black)))
    assert vars(beside.losses) == pytest.approx(vars(alone.losses), rel=1e-4)


def test_all_black_masks_give_back_the_content(paint: Paint, larger_photo: Picture, two_styles: TwoStyles) -> None:
    guidance = Guidance(strength_map=np.zeros((96, 128), np.float32))
    result = paint(larger_photo, two_styles(FIVE)[:1], guidance, tv_weight=0)
    np.testing.assert_array_equal(result.picture, larger_photo)
    assert result.losses.style == 0


def test_masks_of_any_size_do(paint: Paint, larger_photo: Picture, two_styles: TwoStyles) -> None:
    grams, mask = two_styles(FIVE)[:1], left(96, 128, 64)
    fitting = paint(larger_photo, grams, Guidance((mask,)))
    brought = paint(larger_photo, grams, Guidance((images.resize_mask(mask, 512, 384),)))
    assert vars(brought.losses) == pytest.approx(vars(fitting.losses), rel=0.02)
