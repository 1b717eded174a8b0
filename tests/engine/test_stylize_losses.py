"""The losses that are told are those of the delivered picture, and they fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine.paintings import Pair, Run, expected_losses, luminance
from engine.reference import as_image, content_term, gram_means, total_variation, vgg_features
from PIL import Image

from service.engine.stylize import Progress, stylize
from service.engine.vgg import build_encoder
from service.network.model import Model, load_model
from service.options import TransferOptions
from service.pictures import images


@pytest.mark.parametrize("color", ["style", "match", "luminance"])
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
def test_without_iterations_the_content_comes_back_without_content_loss(
    run: Run, small_photo: np.ndarray, color: str, scaling: str
) -> None:
    result = run(iterations=0, color=color, loss_scaling=scaling)
    np.testing.assert_array_equal(result.picture, small_photo)
    assert result.losses.content == 0
    assert result.losses.style > 0
    assert (result.iterations, result.stopped) == (0, "iterations")


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
def test_the_losses_are_those_of_the_delivered_picture(
    run: Run, model: Model, pictures: Pair, optimizer: str, scaling: str
) -> None:
    given: dict[str, Any] = {
        "optimizer": optimizer, "loss_scaling": scaling, "tv_weight": 0.5,
        "content_layers": {"relu4_2": 1.0, "relu2_2": 0.5}, "style_layers": {"relu1_1": 0.4, "relu3_1": 2.0},
    }  # fmt: skip
    result = run(**given)
    assert result.picture.dtype == np.uint8
    expected = expected_losses(model, result.picture, *pictures, TransferOptions(**given))
    assert vars(result.losses) == pytest.approx(expected, rel=1e-4)


def test_in_luminance_content_and_style_are_those_of_the_delivered_pictures_luminance(
    run: Run, model: Model, small_photo: np.ndarray, small_texture: np.ndarray
) -> None:
    result = run(color="luminance")
    light = [np.repeat(luminance(p)[..., None], 3, axis=2) for p in (result.picture, small_photo)]
    g, c = (vgg_features(model.parameters(), "max", x.transpose(2, 0, 1) / 255)["relu4_2"] for x in light)
    assert result.losses.content == pytest.approx(content_term(g, c, "relative"), rel=1e-3)
    assert result.losses.tv == pytest.approx(total_variation(as_image(result.picture)), rel=1e-3)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
@pytest.mark.parametrize("color", ["style", "luminance"])
@pytest.mark.slow
def test_the_delivered_picture_has_lower_losses_than_the_first(
    run: Run, optimizer: str, scaling: str, color: str
) -> None:
    given: dict[str, Any] = {"loss_scaling": scaling, "color": color}
    if scaling == "gatys":
        given["content_weight"] = 1e-5  # of a sum over all features, not of their mean
    before = run(iterations=0, **given).losses
    after = run(iterations=15, optimizer=optimizer, **given).losses
    assert after.total < 0.8 * before.total
    assert after.style < before.style


@pytest.mark.slow
def test_adam_finds_something_lower_where_its_usual_step_is_too_long(run: Run) -> None:
    given: dict[str, Any] = {"loss_scaling": "gatys", "content_weight": 0.1}
    assert run(iterations=30, **given).losses.total < 0.9 * run(iterations=0, **given).losses.total
    assert run(iterations=30, optimizer="adam", **given).losses.total < run(iterations=0, **given).losses.total


@pytest.mark.slow
def test_more_iterations_go_lower(run: Run) -> None:
    totals = [run(iterations=n).losses.total for n in (0, 4, 12, 30)]
    assert totals == sorted(totals, reverse=True)


def test_what_progress_reports_last_is_what_is_delivered(run: Run) -> None:
    reports: list[Progress] = []
    result = run(iterations=12, on_progress=reports.append)
    assert vars(result.losses) == pytest.approx(vars(reports[-1].losses), rel=0.02)  # 8 bits lie between them


@pytest.mark.slow
def test_a_greater_content_weight_keeps_more_of_the_content(run: Run) -> None:
    kept = [run(iterations=15, content_weight=alpha).losses.content for alpha in (0.0, 0.1, 10.0)]
    assert kept == sorted(kept, reverse=True)


def test_a_tv_weight_makes_a_smoother_picture(run: Run) -> None:
    assert run(iterations=15, tv_weight=10.0).losses.tv < 0.7 * run(iterations=15).losses.tv


def test_only_the_ratio_of_the_weights_matters(run: Run) -> None:
    usual = run(iterations=6)
    for factor in (1e-9, 1e8):
        scaled = run(iterations=6, content_weight=0.15 * factor, style_weight=factor)
        difference = np.abs(scaled.picture.astype(int) - usual.picture)
        assert difference.mean() < 0.1
        assert scaled.losses.total == pytest.approx(factor * usual.losses.total, rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
def test_real_weights_take_on_the_style_and_keep_the_content(
    real_model: Path, photo: np.ndarray, texture: np.ndarray, scaling: str
) -> None:
    model = load_model(real_model)
    encoder = build_encoder(model, torch.device("cpu"))
    content, style = images.resize_long_edge(photo, 80), images.resize_long_edge(texture, 64)
    given = vgg_features(model.parameters(), "max", as_image(style))
    grams = {f"relu{b}_1": gram_means(given[f"relu{b}_1"]).astype(np.float32) for b in range(1, 6)}
    weights: dict[str, Any] = {} if scaling == "relative" else {"content_weight": 1.0, "style_weight": 100.0}
    options = TransferOptions(iterations=15, loss_scaling=scaling, **weights)
    before = stylize(
        encoder, content, lambda size: [grams], TransferOptions(iterations=0, loss_scaling=scaling, **weights)
    ).losses
    result = stylize(encoder, content, lambda size: [grams], options)
    expected = expected_losses(model, result.picture, content, style, options)
    assert vars(result.losses) == pytest.approx(expected, rel=1e-3)
    assert result.losses.style < 0.5 * before.style
    outlines = [
        np.asarray(Image.fromarray(p).convert("L").reduce(4), float).ravel() for p in (content, result.picture)
    ]
    assert np.corrcoef(outlines)[0, 1] > 0.5
