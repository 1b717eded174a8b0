"""A mask over the picture becomes one for each layer's features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine.guidance_masks import noise, reference_masks

from service.engine.vgg import VGG
from service.network.geometry import layer_masks, reach, stride
from service.network.layers import LAYERS


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
