"""Where what goes: masks over the layers, and transfers that are guided by masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from paintings import GramsOf
from reference import as_image, content_term, total_variation, vgg_features
from scipy.ndimage import uniform_filter

from service import images
from service.colour import grey
from service.engine.guidance import EVERYWHERE, Guidance
from service.engine.options import CONVOLUTIONS_PER_BLOCK, LAYERS, TransferOptions
from service.engine.stylize import Result, score, stylize
from service.engine.vgg import VGG
from service.geometry import layer_masks, reach, stride
from service.images import Mask, Picture
from service.model import Model

SHALLOW = {"relu1_1": 0.5, "relu2_1": 0.5}
FIVE = tuple(f"relu{block}_1" for block in range(1, 6))


def noise(height: int, width: int, seed: int = 0) -> Mask:
    return np.random.default_rng(seed).random((height, width), dtype=np.float32)


def left(height: int, width: int, columns: int) -> Mask:
    """1 in the first columns, 0 elsewhere."""
    return np.repeat((np.arange(width) < columns)[None].astype(np.float32), height, axis=0)


def reference_masks(mask: np.ndarray) -> dict[str, np.ndarray]:
    """Each convolution averages 3 x 3, each pooling 2 x 2; float64."""
    mask, found = mask.astype(np.float64), {}
    for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, start=1):
        if block > 1:
            height, width = mask.shape[0] // 2, mask.shape[1] // 2
            mask = mask[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
        for i in range(1, count + 1):
            mask = uniform_filter(mask, 3, mode="nearest")
            found[f"relu{block}_{i}"] = mask
    return found


# Masks for the layers


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 65), (16, 16), (31, 97), (33, 16)])
def test_a_layers_mask_has_its_features_shape_and_spreads_as_its_convolutions_do(
    encoder: VGG, height: int, width: int
) -> None:
    mask = noise(height, width)
    found = layer_masks(mask, LAYERS)
    features = encoder(torch.zeros(1, 3, height, width), LAYERS)
    assert set(found) == set(LAYERS)
    for layer, expected in reference_masks(mask).items():
        assert found[layer].dtype == np.float32
        assert found[layer].shape == features[layer].shape[2:]
        np.testing.assert_allclose(found[layer], expected, atol=1e-6)


def test_only_the_layers_asked_for_are_given_and_the_mask_stays() -> None:
    mask = noise(40, 30)
    kept, alone = mask.copy(), layer_masks(mask, ["relu3_2"])
    np.testing.assert_array_equal(mask, kept)
    assert list(alone) == ["relu3_2"]
    np.testing.assert_array_equal(alone["relu3_2"], layer_masks(mask, LAYERS)["relu3_2"])


def test_where_all_is_white_all_counts_and_black_counts_for_nothing() -> None:
    for layer, mask in layer_masks(np.ones((47, 65), np.float32), LAYERS).items():
        np.testing.assert_allclose(mask, 1, atol=1e-6, err_msg=layer)
    assert not any(mask.any() for mask in layer_masks(np.zeros((47, 65), np.float32), LAYERS).values())


def test_masks_that_complement_each_other_do_so_in_every_layer() -> None:
    mask = noise(47, 65)
    one, other = layer_masks(mask, LAYERS), layer_masks(1 - mask, LAYERS)
    for layer in LAYERS:
        np.testing.assert_allclose(one[layer] + other[layer], 1, atol=1e-6)


@pytest.mark.parametrize("layer", ["relu1_1", "relu1_2", "relu2_1", "relu3_4", "relu4_1"])
@pytest.mark.parametrize("place", [(60, 70), (0, 3), (127, 40)])
def test_a_pixel_counts_for_the_features_that_see_it_and_no_others(layer: str, place: tuple[int, int]) -> None:
    """Feature k sees s k - a to s k + s - 1 + a with stride s and reach a."""
    mask = np.zeros((128, 144), np.float32)
    mask[place] = 1
    sees = [
        (s * np.arange(length // s) - a <= pixel) & (pixel <= s * np.arange(length // s) + s - 1 + a)
        for pixel, length in zip(place, mask.shape, strict=True)
        for s, a in [(stride(layer), reach(layer))]
    ]
    np.testing.assert_array_equal(layer_masks(mask, [layer])[layer] > 0, sees[0][:, None] & sees[1])


# Guidance


def test_without_masks_everything_counts_everywhere() -> None:
    assert EVERYWHERE.weights(64, 48, 0) == Guidance((None, None)).weights(64, 48, 16)[:1] == [None]
    assert EVERYWHERE.protected(64, 48, 16) is None


def test_region_strength_and_what_is_not_protected_are_multiplied() -> None:
    regions, strength, protect = (noise(48, 64, 1), None, noise(48, 64, 2)), noise(48, 64, 3), noise(48, 64, 4)
    weights = Guidance(regions, protect, strength).weights(64, 48, 0)
    assert len(weights) == 3
    for weight, region in zip(weights, regions, strict=True):
        assert weight is not None
        assert weight.dtype == np.float32
        expected = (1 if region is None else region) * strength * (1 - protect)
        np.testing.assert_allclose(weight, expected, atol=1e-6)


@pytest.mark.parametrize("given", [{"regions": (noise(48, 64),)}, {"strength": noise(48, 64)}])
def test_one_mask_alone_is_the_weight(given: dict[str, Any]) -> None:
    (weight,) = Guidance(**given).weights(64, 48, 0)
    np.testing.assert_array_equal(weight, noise(48, 64))


def test_masks_are_brought_to_the_pictures_size_and_mirrored_beyond_its_edges() -> None:
    """A margin wider than the picture is mirrored again."""
    ramp = np.repeat(((np.arange(128) + 0.5) / 128)[None].astype(np.float32), 90, axis=0)
    (weight,) = Guidance((ramp,)).weights(32, 20, 40)
    small = np.pad((np.arange(32) + 0.5) / 32, 40, mode="symmetric")
    assert weight is not None
    np.testing.assert_allclose(weight, np.repeat(small[None], 100, axis=0), atol=0.01)


def test_what_is_protected_is_told_apart_from_its_weight() -> None:
    protect = left(48, 64, 20)
    guidance = Guidance(protect=protect)
    (weight,) = guidance.weights(64, 48, 0)
    np.testing.assert_array_equal(weight, 1 - protect)
    np.testing.assert_array_equal(guidance.protected(64, 48, 0), protect)
    np.testing.assert_array_equal(guidance.protected(64, 48, 3), np.pad(protect, 3, mode="symmetric"))


# Transfers


Paint = Callable[..., Result]
TwoStyles = Callable[[Iterable[str]], list[dict[str, np.ndarray]]]


@pytest.fixture
def paint(encoder: VGG) -> Paint:
    """A transfer, from its pictures, Grams, guidance and options."""

    def paint(
        content: Picture, grams: list[dict[str, np.ndarray]], guidance: Guidance, *,
        first: Picture | None = None, whole: int = 10**9, **options: Any,
    ) -> Result:  # fmt: skip
        asked = TransferOptions(**{"iterations": 4} | options)
        return stylize(encoder, content, lambda size: grams, asked, guidance=guidance, first=first, whole=whole)

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
    result = paint(larger_photo, [grams], Guidance(protect=protect), first=art, **options)
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
    guidance = Guidance(strength=left(48, 64, 32))
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
    result = paint(small_photo, two_styles(SHALLOW)[:1], Guidance(strength=strength), **options)
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
    grams, given = two_styles(LAYER_WEIGHTS), {"guidance": Guidance(REGIONS, PROTECT, STRENGTH), "whole": whole}
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
    guidance = Guidance(strength=np.zeros((96, 128), np.float32))
    result = paint(larger_photo, two_styles(FIVE)[:1], guidance, tv_weight=0)
    np.testing.assert_array_equal(result.picture, larger_photo)
    assert result.losses.style == 0


def test_masks_of_any_size_do(paint: Paint, larger_photo: Picture, two_styles: TwoStyles) -> None:
    grams, mask = two_styles(FIVE)[:1], left(96, 128, 64)
    fitting = paint(larger_photo, grams, Guidance((mask,)))
    brought = paint(larger_photo, grams, Guidance((images.resize_mask(mask, 512, 384),)))
    assert vars(brought.losses) == pytest.approx(vars(fitting.losses), rel=0.02)
