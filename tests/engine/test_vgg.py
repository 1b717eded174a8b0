"""The encoder computes VGG19's features, and no more of them than are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from engine.reference import as_image, vgg_features

from service.engine.vgg import VGG, build_encoder
from service.network.layers import LAYERS
from service.network.model import Model

CPU = torch.device("cpu")


@pytest.mark.parametrize(("height", "width"), [(16, 16), (35, 50)], ids=["smallest", "odd"])
@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_every_layer_is_that_of_a_plain_float64_network(
    model: Model, average_model: Model, pooling: str, height: int, width: int
) -> None:
    given = model if pooling == "max" else average_model
    image = np.random.default_rng(0).random((3, height, width))
    expected = vgg_features(given.parameters(), pooling, image)
    computed = build_encoder(given, CPU).double()(torch.tensor(image)[None], LAYERS)
    assert list(expected) == list(LAYERS)
    for layer in LAYERS:
        np.testing.assert_allclose(computed[layer][0].numpy(), expected[layer], rtol=1e-9, atol=1e-12)


def test_float32_features_of_a_photo_are_near_those_of_float64(
    model: Model, encoder: VGG, small_photo: np.ndarray
) -> None:
    expected = vgg_features(model.parameters(), "max", as_image(small_photo))
    image = torch.tensor(as_image(small_photo), dtype=torch.float32)[None]
    for layer, features in encoder(image, LAYERS).items():
        error = np.linalg.norm(features[0].numpy() - expected[layer]) / np.linalg.norm(expected[layer])
        assert error < 1e-5, layer


@pytest.mark.parametrize(
    ("layers", "convolutions"),
    [(["relu1_1"], 1), (["relu2_1"], 3), (["relu4_2", "relu1_1"], 10), (["relu5_1"], 13), (["relu5_4"], 16)],
)
def test_nothing_deeper_than_the_deepest_layer_is_computed(
    encoder: VGG, monkeypatch: pytest.MonkeyPatch, layers: list[str], convolutions: int
) -> None:
    calls = []

    def counting(x: torch.Tensor, weight: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        calls.append(tuple(weight.shape[-2:]))
        return convolve(x, weight, *args, **kwargs)

    convolve = F.conv2d
    monkeypatch.setattr(F, "conv2d", counting)
    features = encoder(torch.rand(1, 3, 32, 32), layers)
    assert set(features) == set(layers)
    assert calls.count((3, 3)) == convolutions
    assert calls.count((1, 1)) == 1  # colours


def test_channels_last_changes_no_values_and_stays(encoder: VGG) -> None:
    image = torch.rand(2, 3, 32, 40)
    plain = encoder(image.contiguous(), LAYERS)
    fast = encoder(image.contiguous(memory_format=torch.channels_last), LAYERS)
    for layer in LAYERS:
        assert torch.equal(plain[layer], fast[layer])
        assert plain[layer].is_contiguous(memory_format=torch.channels_last)


def test_pictures_of_a_batch_do_not_touch_one_another(exact_encoder: VGG) -> None:
    batch = torch.rand(3, 3, 32, 24, dtype=torch.float64)
    together = exact_encoder(batch, ["relu1_2", "relu5_1"])
    for i in range(3):
        for layer, features in exact_encoder(batch[i : i + 1], ["relu1_2", "relu5_1"]).items():
            torch.testing.assert_close(together[layer][i : i + 1], features, rtol=1e-12, atol=1e-12)


def test_the_weights_are_frozen_and_the_image_is_not(encoder: VGG) -> None:
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    encoder(image, ["relu5_1"])["relu5_1"].sum().backward()
    assert not list(encoder.parameters())
    assert all(not buffer.requires_grad for buffer in encoder.buffers())
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_a_layer_read_early_keeps_its_values_when_deeper_ones_follow(encoder: VGG) -> None:
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(image, LAYERS)["relu2_1"], encoder(image, ["relu2_1"])["relu2_1"])
