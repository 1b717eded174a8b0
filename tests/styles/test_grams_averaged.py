"""Gram targets are of the images brought to size and treated, averaged by weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from styles.style_images import FIVE, PLAIN, CountingExtractor, style, style_image, targets_of

from service.pictures import images
from service.pictures.images import Picture
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import Mean, StyleGrams
from service.styles.style import Style, Treatment


def test_the_image_is_brought_to_scale_times_size_and_treated_then(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    targets_of(grams, [style(small_texture, scale=0.75)], 48, ["relu1_1"], Treatment("negative", lambda p: 255 - p))
    ((picture, layers, mask),) = counting.asked
    np.testing.assert_array_equal(picture, 255 - images.resize(small_texture, 36, 27))
    assert (layers, mask) == (("relu1_1",), None)


def test_an_image_of_that_size_already_is_used_pixel_for_pixel(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    targets_of(grams, [style(small_texture)], 80, ["relu1_1"], PLAIN)
    np.testing.assert_array_equal(counting.asked[0][0], small_texture)


def test_two_styles_have_the_weighted_average_of_their_grams(
    grams: StyleGrams, extractor: GramExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    styles = [style(small_texture, weight=3.0), style(mirrored, weight=1.0)]
    targets = targets_of(grams, styles, 80, FIVE, PLAIN).grams
    one, other = (extractor.grams(picture, FIVE) for picture in (small_texture, mirrored))
    for layer in FIVE:
        np.testing.assert_allclose(targets[layer], 0.75 * one[layer] + 0.25 * other[layer], rtol=1e-5, atol=1e-6)
        assert targets[layer].dtype == np.float32


def test_a_style_without_weight_is_as_if_it_were_not_there(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture
) -> None:
    alone = targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN).grams
    beside = targets_of(grams, [style(small_texture), style(mirrored, weight=0.0)], 48, FIVE, PLAIN).grams
    for layer in FIVE:
        np.testing.assert_array_equal(alone[layer], beside[layer])


def test_a_styles_images_are_averaged_before_the_styles_are(
    grams: StyleGrams, extractor: GramExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    both = Style((style_image(small_texture, weight=30.0), style_image(mirrored, weight=10.0)), weight=1.0)
    targets = targets_of(grams, [both, style(mirrored)], 80, FIVE, PLAIN).grams
    one, other = (extractor.grams(picture, FIVE) for picture in (small_texture, mirrored))
    for layer in FIVE:
        expected = (0.75 * one[layer] + 0.25 * other[layer] + other[layer]) / 2
        np.testing.assert_allclose(targets[layer], expected, rtol=1e-5, atol=1e-6)


def test_a_style_images_mask_is_brought_to_its_size(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    ramp = np.repeat(np.tile(np.linspace(0, 255, 200).astype(np.uint8), (150, 1))[..., None], 3, axis=2)
    targets_of(grams, [style(small_texture, scale=0.5, mask=ramp)], 80, ["relu1_1"], PLAIN)
    ((picture, _, mask),) = counting.asked
    assert mask is not None
    assert mask.shape == picture.shape[:2] == (30, 40)
    np.testing.assert_allclose(mask, np.tile((np.arange(40) + 0.5) / 40, (30, 1)), atol=0.01)


def average(grams: Sequence[Grams], weights: Sequence[float]) -> Grams:
    mean = Mean()
    for one, weight in zip(grams, weights, strict=True):
        mean.add(one, weight)
    return mean.grams()


def some_grams(seed: int) -> Grams:
    rng = np.random.default_rng(seed)
    return {layer: rng.random((c, c), dtype=np.float32) for layer, c in (("relu1_1", 4), ("relu2_1", 8))}


def test_the_average_lies_between_and_only_the_weights_ratio_counts() -> None:
    a, b = some_grams(0), some_grams(1)
    for weights in ((1.0, 3.0), (1e-6, 3e-6), (1e6 / 3, 1e6)):
        mixed = average([a, b], weights)
        for layer in a:
            np.testing.assert_allclose(mixed[layer], 0.25 * a[layer] + 0.75 * b[layer], rtol=1e-6)


def test_the_average_is_to_the_bit_that_of_all_at_once() -> None:
    grams, weights = [some_grams(seed) for seed in range(11)], [0.1 * n for n in range(1, 12)]
    for layer, gram in average(grams, weights).items():
        expected = np.average([one[layer] for one in grams], axis=0, weights=weights).astype(np.float32)
        np.testing.assert_array_equal(gram, expected)


def test_the_average_of_one_is_that_one() -> None:
    for layer, gram in average([some_grams(0)], [0.3]).items():
        np.testing.assert_array_equal(gram, some_grams(0)[layer])


def test_averaging_changes_nothing_that_is_cached(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture
) -> None:
    before = targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN).grams
    mixed = targets_of(grams, [style(small_texture), style(mirrored)], 48, FIVE, PLAIN).grams
    mixed["relu1_1"][:] = 0
    after = targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN).grams
    np.testing.assert_array_equal(before["relu1_1"], after["relu1_1"])
