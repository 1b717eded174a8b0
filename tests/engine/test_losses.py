"""J is the slides' J: its values against numpy's sums in float64, its gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine import reference
from engine.reference import content_term, gram_means, gram_sums, style_term, vgg_features
from torch import Tensor

from bench.objectives import evaluate, gram_matrix, plain_objective
from service.engine.losses import Objective, content_loss, style_loss, total_variation
from service.engine.vgg import VGG
from service.network.model import Model
from service.options import TransferOptions

SCALINGS = ["relative", "per_element", "gatys"]
LAYER_SETS = [
    ({"relu4_2": 1.0}, {f"relu{b}_1": 0.2 for b in range(1, 6)}),
    ({"relu2_2": 0.5, "relu3_1": 2.0}, {"relu1_2": 0.7, "relu3_1": 0.0, "relu3_4": 3.0}),
    ({"relu1_1": 1.0}, {"relu5_4": 4.0}),
]


def features(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """C x H x W features as after a ReLU."""
    return np.maximum(np.random.default_rng(seed).normal(0.3, 1, shape), 0)


def tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(array)[None]


def against(a: np.ndarray, b: np.ndarray) -> tuple[Tensor, Tensor]:
    """Features, and the Gram target of others."""
    return tensor(a), gram_matrix(tensor(b))[0]


def random_image(height: int, width: int, seed: int = 0) -> Tensor:
    """1 x 3 x H x W float64 in [0, 1]."""
    return torch.tensor(np.random.default_rng(seed).random((1, 3, height, width)))


# Each term against the sums on the slides


def test_content_is_half_the_squared_distance_in_the_form_gatys() -> None:
    a, c = features((5, 4, 6), 1), features((5, 4, 6), 2)
    expected = sum((a[k, i, j] - c[k, i, j]) ** 2 for k in range(5) for i in range(4) for j in range(6)) / 2
    assert float(content_loss(tensor(a), tensor(c), "gatys")) == pytest.approx(expected, rel=1e-12)


def test_content_per_element_is_that_over_the_number_of_features() -> None:
    a, c = features((5, 4, 6), 1), features((5, 4, 6), 2)
    expected = ((a - c) ** 2).sum() / 2 / (4 * 6 * 5)
    assert float(content_loss(tensor(a), tensor(c), "per_element")) == pytest.approx(expected, rel=1e-12)


def test_relative_content_is_the_squared_distance_over_the_contents_squared_norm() -> None:
    a, c = features((5, 4, 6), 1), features((5, 4, 6), 2)
    expected = np.linalg.norm(a - c) ** 2 / np.linalg.norm(c) ** 2
    assert float(content_loss(tensor(a), tensor(c), "relative")) == pytest.approx(expected, rel=1e-12)


def test_the_gram_is_the_sum_over_positions_divided_by_their_number() -> None:
    a = features((3, 4, 5), 1)
    expected = [[sum(a[k, i, j] * a[m, i, j] for i in range(4) for j in range(5)) / 20 for m in range(3)]
                for k in range(3)]  # fmt: skip
    np.testing.assert_allclose(gram_matrix(tensor(a))[0].numpy(), expected, rtol=1e-12)


def test_each_picture_of_a_batch_has_its_own_gram() -> None:
    batch = np.stack([features((3, 4, 5), seed) for seed in range(3)])
    grams = gram_matrix(torch.tensor(batch))
    assert grams.shape == (3, 3, 3)
    for gram, one in zip(grams, batch, strict=True):
        np.testing.assert_allclose(gram.numpy(), gram_means(one), rtol=1e-12)


@pytest.mark.parametrize("scaling", ["gatys", "per_element"])
def test_style_is_equation_4_where_both_pictures_have_one_size(scaling: str) -> None:
    g, s = features((5, 4, 6), 1), features((5, 4, 6), 2)
    expected = ((gram_sums(s) - gram_sums(g)) ** 2).sum() / (2 * 4 * 6 * 5) ** 2
    assert float(style_loss(*against(g, s), scaling)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scaling", ["gatys", "per_element"])
def test_style_is_a_quarter_of_the_mean_squared_error_where_the_sizes_differ(scaling: str) -> None:
    g, s = features((5, 4, 6), 1), features((5, 9, 7), 2)
    expected = ((gram_sums(g) / 24 - gram_sums(s) / 63) ** 2).sum() / 5**2 / 4
    assert float(style_loss(*against(g, s), scaling)) == pytest.approx(expected, rel=1e-12)


def test_relative_style_is_the_squared_distance_of_the_grams_over_the_styles_squared_norm() -> None:
    g, s = features((5, 4, 6), 1), features((5, 9, 7), 2)
    expected = np.linalg.norm(gram_means(g) - gram_means(s)) ** 2 / np.linalg.norm(gram_means(s)) ** 2
    assert float(style_loss(*against(g, s), "relative")) == pytest.approx(expected, rel=1e-12)


def test_total_variation_is_the_mean_squared_difference_along_x_plus_that_along_y() -> None:
    image = torch.zeros(1, 3, 4, 6, dtype=torch.float64)
    image[..., 3:] = 0.5  # one edge along y, crossed by 3 * 4 of the 3 * 4 * 5 pairs along x
    assert float(total_variation(image)) == pytest.approx(0.25 / 5)
    assert float(total_variation(image.transpose(2, 3))) == pytest.approx(0.25 / 5)
    image[..., 2:, :] += 0.25  # and one along x, crossed by 3 * 6 of the 3 * 3 * 6 pairs along y
    assert float(total_variation(image)) == pytest.approx(0.25 / 5 + 0.0625 / 3)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_target_without_any_norm_gives_finite_losses_and_gradients(scaling: str) -> None:
    a = torch.tensor(features((5, 4, 6), 1), dtype=torch.float32)[None].requires_grad_()
    zero = torch.zeros_like(a)
    loss = content_loss(a, zero, scaling) + style_loss(a, gram_matrix(zero)[0], scaling)
    loss.backward()  # type: ignore[no-untyped-call]  # torch gives it no types
    assert float(loss.detach()) > 0
    assert bool(loss.isfinite())
    assert a.grad is not None
    assert bool(a.grad.isfinite().all())
    assert float(content_loss(zero, zero, scaling)) == 0
    assert float(style_loss(zero, gram_matrix(zero)[0], scaling)) == 0


# The whole objective


def objective(encoder: VGG, content: Tensor, style: Tensor, options: TransferOptions) -> Objective:
    grams = {layer: gram_matrix(f)[0] for layer, f in encoder(style, options.style_layers).items()}
    return plain_objective(encoder, content, grams, options)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("content_layers", "style_layers"), LAYER_SETS, ids=["default", "several", "deep"])
def test_the_objective_is_alpha_content_plus_beta_style_plus_gamma_tv(
    model: Model, exact_encoder: VGG, scaling: str, content_layers: dict[str, float], style_layers: dict[str, float]
) -> None:
    image, content, style = random_image(32, 24, 1), random_image(32, 24, 2), random_image(40, 36, 3)
    options = TransferOptions(
        content_weight=0.3, style_weight=7.0, tv_weight=11.0,
        content_layers=content_layers, style_layers=style_layers, loss_scaling=scaling,
    )  # fmt: skip
    g, c, s = (vgg_features(model.parameters(), "max", x[0].numpy()) for x in (image, content, style))
    expected_content = sum(w * content_term(g[layer], c[layer], scaling) for layer, w in content_layers.items())
    expected_style = sum(w * style_term(g[layer], s[layer], scaling) for layer, w in style_layers.items())
    expected_tv = reference.total_variation(image[0].numpy())

    losses = evaluate(objective(exact_encoder, content, style, options), image, image)
    assert losses.content == pytest.approx(expected_content, rel=1e-9)
    assert losses.style == pytest.approx(expected_style, rel=1e-9)
    assert losses.tv == pytest.approx(expected_tv, rel=1e-12)
    assert losses.total == pytest.approx(0.3 * expected_content + 7.0 * expected_style + 11.0 * expected_tv, rel=1e-9)


def test_the_objective_in_the_form_gatys_is_the_paper_where_all_pictures_have_one_size(
    model: Model, exact_encoder: VGG
) -> None:
    """J = alpha 1/2 ||a - a'||^2 + beta sum_l lambda_l / (2 n_H n_W n_C)^2 sum (Gram - Gram')^2, Grams as sums."""
    image, content, style = (random_image(32, 24, seed) for seed in (1, 2, 3))
    options = TransferOptions(content_weight=1.5, style_weight=2.5, tv_weight=0.0, loss_scaling="gatys")
    g, c, s = (vgg_features(model.parameters(), "max", x[0].numpy()) for x in (image, content, style))
    expected = 1.5 * 0.5 * np.linalg.norm(c["relu4_2"] - g["relu4_2"]) ** 2
    for layer in (f"relu{b}_1" for b in range(1, 6)):
        n_c, n_h, n_w = g[layer].shape
        distance = ((gram_sums(s[layer]) - gram_sums(g[layer])) ** 2).sum()
        expected += 2.5 * 0.2 * distance / (2 * n_h * n_w * n_c) ** 2
    computed = evaluate(objective(exact_encoder, content, style, options), image, image).total
    assert computed == pytest.approx(expected, rel=1e-9)


def test_the_content_image_itself_has_no_content_loss(encoder: VGG) -> None:
    content = random_image(32, 24).float()
    losses = evaluate(objective(encoder, content, content, TransferOptions()), content, content)
    assert losses.content == 0
    assert losses.style < 1e-9


def test_what_the_encoder_sees_has_content_and_style_and_the_image_has_the_variation(encoder: VGG) -> None:
    seen, image = random_image(32, 24, 1).float(), random_image(32, 24, 2).float()
    options = TransferOptions(tv_weight=2.0)
    together = evaluate(objective(encoder, seen, seen, options), seen, image)
    assert together.content == 0
    assert together.tv == pytest.approx(reference.total_variation(image[0].numpy()), rel=1e-5)
    assert together.total == pytest.approx(together.style + 2 * together.tv)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_scale_is_the_total_of_an_image_without_features(exact_encoder: VGG, scaling: str) -> None:
    content, style = random_image(32, 24, 1), random_image(40, 32, 2)
    options = TransferOptions(content_weight=3.0, style_weight=2.0, tv_weight=5.0, loss_scaling=scaling)
    features = {layer: f[0].numpy() for layer, f in exact_encoder(content, ["relu4_2"]).items()}
    styles = {layer: f[0].numpy() for layer, f in exact_encoder(style, options.style_layers).items()}
    nothing = {layer: np.zeros_like(f) for layer, f in (features | styles).items()}
    expected = 3 * content_term(nothing["relu4_2"], features["relu4_2"], scaling) + 5
    expected += 2 * sum(w * style_term(nothing[n], styles[n], scaling) for n, w in options.style_layers.items())
    assert objective(exact_encoder, content, style, options).scale() == pytest.approx(expected, rel=1e-6)


def test_a_content_and_style_without_features_give_finite_losses(model: Model) -> None:
    from_nothing = VGG({name: torch.zeros(array.shape) for name, array in model.parameters().items()}, "max")
    black = torch.zeros(1, 3, 32, 32)
    losses = evaluate(objective(from_nothing, black, black, TransferOptions(tv_weight=1.0)), black, black)
    assert (losses.content, losses.style, losses.tv, losses.total) == (0, 0, 0, 0)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_black_content_gives_finite_losses(encoder: VGG, scaling: str) -> None:
    black, style = torch.zeros(1, 3, 32, 32), random_image(32, 32).float()
    losses = evaluate(objective(encoder, black, style, TransferOptions(loss_scaling=scaling)), style, style)
    assert np.isfinite([losses.content, losses.style, losses.total]).all()


# Gradients


def test_the_style_terms_gradient_is_right_for_channels_last_features_and_keeps_their_layout() -> None:
    a = torch.tensor(features((4, 3, 5), 0)[None]).contiguous(memory_format=torch.channels_last).requires_grad_()
    target = gram_matrix(tensor(features((4, 6, 2), 1)))[0]
    assert torch.autograd.gradcheck(lambda x: style_loss(x, target, "relative"), a)
    (gradient,) = torch.autograd.grad(style_loss(a, target, "relative"), a)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_in_bfloat16_the_style_term_is_summed_in_float32_and_its_gradient_is_bfloat16() -> None:
    wide = torch.tensor(features((64, 40, 40), 0)[None]).float().contiguous(memory_format=torch.channels_last)
    target = gram_matrix(torch.tensor(features((64, 40, 40), 1)[None]).float())[0]
    narrow, wide = wide.bfloat16().requires_grad_(), wide.bfloat16().float().requires_grad_()
    loss, expected = (style_loss(a, target, "relative") for a in (narrow, wide))
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=0.02)
    (found,), (wanted,) = (torch.autograd.grad(term, a) for term, a in ((loss, narrow), (expected, wide)))
    assert found.dtype == torch.bfloat16
    assert float((found.float() - wanted).norm() / wanted.norm()) < 0.02


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_terms_gradients_are_those_of_finite_differences(scaling: str) -> None:
    a = torch.tensor(features((4, 3, 5), 0)[None], requires_grad=True)
    target = torch.tensor(features((4, 3, 5), 1)[None])
    assert torch.autograd.gradcheck(lambda x: content_loss(x, target, scaling), a)
    assert torch.autograd.gradcheck(lambda x: style_loss(x, gram_matrix(target)[0], scaling), a)
    assert torch.autograd.gradcheck(total_variation, a)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_whole_objectives_gradient_is_that_of_finite_differences(exact_encoder: VGG, scaling: str) -> None:
    options = TransferOptions(content_weight=3.0, style_weight=2.0, tv_weight=5.0, loss_scaling=scaling)
    content, style, image = random_image(16, 17, 1), random_image(20, 16, 2), random_image(16, 17, 3)
    losses = objective(exact_encoder, content, style, options).losses
    directions = [random_image(16, 17, seed) - 0.5 for seed in range(4, 12)]
    image.requires_grad_()
    (gradient,) = torch.autograd.grad(losses(image, image)["total"], image)
    with torch.no_grad():
        for direction in directions:
            step = 1e-6 * direction
            above, below = (losses(moved, moved)["total"] for moved in (image + step, image - step))
            assert float((gradient * step).sum()) == pytest.approx(float(above - below) / 2, rel=1e-5)
