"""Tile by tile against the whole: the same losses, the same gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.objectives import gram_matrix
from service.engine.canvas import to_tensor
from service.engine.losses import Objective, StyleTarget
from service.engine.stylize import stylize
from service.engine.tiled import TiledObjective, encode_tiled
from service.engine.vgg import VGG
from service.network.geometry import layer_masks, reach, tiles
from service.network.layers import LAYERS
from service.options import TransferOptions

DEEP = {"relu1_2": 1.0, "relu3_2": 0.5, "relu5_4": 2.0}


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def targets(encoder: VGG, options: TransferOptions, masks: list[np.ndarray | None]) -> list[StyleTarget]:
    """A region for each mask, each with Grams of its own."""
    found = []
    for k, mask in enumerate(masks):
        grams = {
            layer: gram_matrix(f)[0]
            for layer, f in encoder(noise(64, 48, 10 + k).double(), options.style_layers).items()
        }
        weights = None
        if mask is not None:
            weights = {layer: torch.tensor(m) for layer, m in layer_masks(mask, options.style_layers).items()}
        found.append(StyleTarget(grams, weights))
    return found


def gradient_of(objective: Objective, image: Tensor) -> tuple[dict[str, float], Tensor]:
    leaf = image.clone().requires_grad_()
    terms = objective.losses(leaf, leaf)
    (gradient,) = torch.autograd.grad(terms["total"], leaf)
    return {name: float(term.detach()) for name, term in terms.items()}, gradient


@pytest.mark.parametrize(("height", "width", "side"), [(150, 210, 170), (97, 333, 200), (65, 64, 1)])
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
@pytest.mark.slow
def test_losses_and_gradient_are_those_of_the_whole(
    exact_encoder: VGG, height: int, width: int, side: int, scaling: str
) -> None:
    options = TransferOptions(loss_scaling=scaling, style_layers={"relu1_1": 0.3, "relu3_1": 1.0})
    rng = np.random.default_rng(1)
    masks = [None, rng.uniform(0, 1, (height, width)).astype(np.float32)]
    image, content = noise(height, width, 1).double(), noise(height, width, 2).double()
    features = exact_encoder(content, options.content_layers)
    styles = targets(exact_encoder, options, masks)
    whole = Objective(exact_encoder, features, styles, options)
    tiled = TiledObjective(exact_encoder, features, styles, options, side=side, on_tick=lambda: None)
    assert len(tiles(height, width, options.layers, side)) > 1
    losses, gradient = gradient_of(whole, image)
    tiled_losses, tiled_gradient = gradient_of(tiled, image)
    assert tiled_losses == pytest.approx(losses, rel=1e-5)
    assert float((tiled_gradient - gradient).norm() / gradient.norm()) < 1e-5
    assert tiled.scale() == whole.scale()


def test_features_are_those_of_the_whole(exact_encoder: VGG) -> None:
    image = noise(211, 301).double()
    whole = exact_encoder(image, DEEP)
    by_tiles = encode_tiled(exact_encoder, image, DEEP, reach("relu5_4") * 2 + 40, lambda: None)
    for layer, features in whole.items():
        assert torch.allclose(by_tiles[layer], features, rtol=1e-6, atol=1e-9), layer


@pytest.mark.parametrize("layer", LAYERS)
def test_a_feature_sees_as_far_as_the_reach_says_and_no_farther(exact_encoder: VGG, layer: str) -> None:
    far = reach(layer)
    step = 2 ** (int(layer[4]) - 1)
    middle = -(-far // step) + 1  # of a row of features, with all that it sees inside the image
    width = 2 * (middle + 1) * step + far
    image = torch.full((1, 3, 16 * 8, width), 0.5, dtype=torch.float64, requires_grad=True)
    feature = exact_encoder(image, [layer])[layer]
    assert feature.shape[3] > middle
    (seen,) = torch.autograd.grad(feature[..., middle].sum(), image)
    columns = seen.abs().amax((0, 1, 2)).nonzero()
    assert int(columns.min()) >= middle * step - far
    assert int(columns.max()) <= middle * step + step - 1 + far


def test_every_feature_belongs_to_one_tile() -> None:
    for side in (1, 200, 333, 5000):
        counts = np.zeros((37, 53), int)
        for tile in tiles(37 * 16 + 7, 53 * 16 + 15, ["relu5_1"], side):
            counts[tile.rows.own(16), tile.columns.own(16)] += 1
            for span in (tile.rows, tile.columns):
                assert span.first <= span.start < span.stop <= span.last
                assert side == 1 or span.last - span.first <= side
        assert (counts == 1).all()


@pytest.mark.slow
def test_a_transfer_by_tiles_is_a_transfer(encoder: VGG, small_photo: np.ndarray, small_texture: np.ndarray) -> None:
    features = encoder(to_tensor(small_texture, encoder.device), TransferOptions().style_layers)
    grams = {layer: gram_matrix(f)[0].numpy() for layer, f in features.items()}
    options = TransferOptions(iterations=40, levels=2)
    whole = stylize(encoder, small_photo, lambda size: [grams], options)
    tiled = stylize(encoder, small_photo, lambda size: [grams], options, max_whole_pixels=1)
    assert vars(tiled.losses) == pytest.approx(vars(whole.losses), rel=0.1)


def test_each_tile_can_end_an_evaluation(exact_encoder: VGG) -> None:
    options = TransferOptions()
    ticks: list[int] = []
    image = noise(48, 48).double()
    features = exact_encoder(image, options.content_layers)
    styles = targets(exact_encoder, options, [None])
    tiled = TiledObjective(exact_encoder, features, styles, options, side=1, on_tick=lambda: ticks.append(1))
    gradient_of(tiled, image)
    assert len(ticks) == 2 * len(tiles(48, 48, options.layers, 1)) > 2
