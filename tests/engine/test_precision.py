"""The precision is what the machine can do, and bfloat16 does what float32 does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from service.engine.canvas import to_tensor
from service.engine.precision import choose
from service.engine.stylize import stylize
from service.engine.vgg import VGG, build_encoder
from service.network.model import Model
from service.options import TransferOptions

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_asked_for_is_taken(precision: str) -> None:
    assert choose(precision, CPU) == precision


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"bf16": True, "sve2": True}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose("auto", CPU) == expected


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")]
)
def test_auto_on_cuda_asks_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose("auto", torch.device("cuda")) == expected


@pytest.fixture(scope="module")
def narrow_encoder(model: Model) -> VGG:
    return build_encoder(model, CPU, "bfloat16")


def test_features_in_bfloat16_are_float32s_to_its_rounding(
    narrow_encoder: VGG, encoder: VGG, small_photo: np.ndarray
) -> None:
    image = to_tensor(small_photo, CPU)
    found, exact = (e(image, ("relu1_1", "relu5_1")) for e in (narrow_encoder, narrow_encoder.exact))
    wanted = encoder(image, ("relu1_1", "relu5_1"))
    for layer, features in wanted.items():
        assert found[layer].dtype == torch.bfloat16
        assert float((found[layer].float() - features).norm() / features.norm()) < 0.03
        assert torch.equal(exact[layer], features)


def test_the_losses_of_a_result_are_float32s_whatever_it_was_made_in(
    narrow_encoder: VGG, encoder: VGG, small_photo: np.ndarray, small_texture: np.ndarray, grams_of: object
) -> None:
    grams = grams_of(small_texture)  # type: ignore[operator]
    made = stylize(narrow_encoder, small_photo, lambda size: [grams], TransferOptions(iterations=20))
    judged = stylize(encoder, made.picture, lambda size: [grams], TransferOptions(iterations=0))
    assert made.losses.style == judged.losses.style
    exact = stylize(encoder, small_photo, lambda size: [grams], TransferOptions(iterations=20)).losses
    assert made.losses.total == pytest.approx(exact.total, rel=0.05)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("flat", [True, False])
def test_a_picture_in_its_own_style_ends_without_an_error(
    narrow_encoder: VGG, small_photo: np.ndarray, grams_of: object, optimizer: str, flat: bool
) -> None:
    picture = np.full_like(small_photo, 128) if flat else small_photo
    grams = grams_of(picture)  # type: ignore[operator]
    options = TransferOptions(iterations=30, optimizer=optimizer, tolerance=0.0, tv_weight=0.0)
    result = stylize(narrow_encoder, picture, lambda size: [grams], options)
    assert result.stopped in ("converged", "stalled")
    assert np.abs(result.picture.astype(int) - picture).max() <= 3
