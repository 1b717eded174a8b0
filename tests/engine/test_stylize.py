"""A whole transfer in the engine: what is delivered, what is said of it, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from reference import as_image, content_term, gram_means, total_variation, vgg_features

from service import images
from service.colour import grey
from service.engine.options import TransferOptions
from service.engine.stylize import Progress, Result, stylize
from service.engine.vgg import VGG, build_encoder
from service.model import Model, load_model

GramsOf = Callable[..., dict[str, np.ndarray]]
Run = Callable[..., Result]
Pair = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def run(encoder: VGG, small_photo: np.ndarray, small_texture: np.ndarray, grams_of: GramsOf) -> Run:
    """A transfer of the small texture's style to the small photo, with options and arguments of stylize()."""

    def run(*, content: np.ndarray = small_photo, style: np.ndarray = small_texture, first: Any = None,
            on_progress: Callable[[Progress], None] = lambda progress: None,
            on_tick: Callable[[], None] = lambda: None, **options: Any) -> Result:  # fmt: skip
        asked = TransferOptions(**{"iterations": 8, "tv_weight": 0.0, "tolerance": 0.0} | options)
        grams = grams_of(grey(style) if asked.color == "luminance" else style, tuple(asked.style_layers))
        rng = np.random.default_rng(0)  # another runtime computes the Grams: they differ by as much as rounding does
        grams = {layer: (g * (1 + 1e-7 * rng.normal(size=g.shape))).astype(np.float32) for layer, g in grams.items()}
        return stylize(
            encoder, content, lambda size: grams, asked, first=first, on_progress=on_progress, on_tick=on_tick
        )

    return run


Painted = Callable[..., tuple[Result, list[int]]]


@pytest.fixture
def painted(encoder: VGG, grams_of: GramsOf) -> Painted:
    """A transfer with the default options but those given, and the sizes whose Grams it asked for."""

    def paint(
        content: np.ndarray, style: np.ndarray, reports: list[Progress], **options: Any
    ) -> tuple[Result, list[int]]:
        asked: list[int] = []

        def grams_at(size: int) -> dict[str, np.ndarray]:
            asked.append(size)
            return grams_of(images.resize_long_edge(style, size))

        given = TransferOptions(**options)
        return stylize(encoder, content, grams_at, given, first=style, on_progress=reports.append), asked

    return paint


@pytest.fixture
def pictures(small_photo: np.ndarray, small_texture: np.ndarray) -> Pair:
    """The content and the style that `run` takes."""
    return small_photo, small_texture


def expected_losses(
    model: Model, picture: np.ndarray, content: np.ndarray, style: np.ndarray, options: TransferOptions
) -> dict[str, float]:
    """The losses of a picture in numpy and float64."""
    g, c, s = (vgg_features(model.parameters(), "max", as_image(x)) for x in (picture, content, style))
    form = options.loss_scaling
    losses = {"content": sum(w * content_term(g[n], c[n], form) for n, w in options.content_layers.items())}
    losses["style"] = 0.0
    for layer, weight in options.style_layers.items():
        gram, target = gram_means(g[layer]), gram_means(s[layer])
        norm = (target**2).sum() if form == "relative" else 4 * target.size
        losses["style"] += weight * float(((gram - target) ** 2).sum() / norm)
    losses["tv"] = total_variation(as_image(picture))
    weights = (options.content_weight, options.style_weight, options.tv_weight)
    losses["total"] = sum(w * losses[name] for w, name in zip(weights, ("content", "style", "tv"), strict=True))
    return losses


# What is delivered and its losses


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
    given = {
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


def test_adam_finds_something_lower_where_its_usual_step_is_too_long(run: Run) -> None:
    given: dict[str, Any] = {"loss_scaling": "gatys", "content_weight": 0.1}
    assert run(iterations=30, **given).losses.total < 0.9 * run(iterations=0, **given).losses.total
    assert run(iterations=30, optimizer="adam", **given).losses.total < run(iterations=0, **given).losses.total


def test_more_iterations_go_lower(run: Run) -> None:
    totals = [run(iterations=n).losses.total for n in (0, 4, 12, 30)]
    assert totals == sorted(totals, reverse=True)


def test_what_progress_reports_last_is_what_is_delivered(run: Run) -> None:
    reports: list[Progress] = []
    result = run(iterations=12, on_progress=reports.append)
    assert vars(result.losses) == pytest.approx(vars(reports[-1].losses), rel=0.02)  # 8 bits lie between them


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


@pytest.mark.parametrize("size", [(16, 16), (17, 90)], ids=["smallest", "narrow"])
def test_the_smallest_pictures_can_be_painted(run: Run, photo: np.ndarray, size: tuple[int, int]) -> None:
    content = np.ascontiguousarray(photo[100 : 100 + size[0], 100 : 100 + size[1]])
    result = run(content=content, iterations=3)
    assert result.picture.shape == (*size, 3)


def test_a_black_content_is_painted_too(run: Run) -> None:
    result = run(content=np.zeros((32, 40, 3), np.uint8))
    assert np.isfinite(list(vars(result.losses).values())).all()
    assert result.picture.any()


# The first image


def test_a_seed_always_gives_the_same_picture(run: Run) -> None:
    first, again = run(init="random", seed=5), run(init="random", seed=5)
    np.testing.assert_array_equal(first.picture, again.picture)
    assert first.losses == again.losses


def test_another_seed_gives_another_picture(run: Run) -> None:
    assert (run(init="random", seed=5).picture != run(init="random", seed=6).picture).mean() > 0.5


def test_the_random_first_image_is_noise_over_all_levels(run: Run) -> None:
    noise = run(init="random", iterations=0).picture
    counts = np.bincount(noise.ravel(), minlength=256)
    assert counts.min() > 0
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("init", ["style", "image"])
@pytest.mark.parametrize("size", [(60, 200), (200, 60), (15, 15), (96, 128)])
def test_a_given_first_image_covers_the_content(run: Run, init: str, size: tuple[int, int]) -> None:
    """Its middle, aspect kept. Its red rises by place along x and its green along y, so they tell what was taken."""
    height, width = size
    first = np.zeros((height, width, 3), np.uint8)
    first[..., 0] = np.linspace(0, 255, width)
    first[..., 1] = np.linspace(0, 255, height)[:, None]
    result = run(init=init, first=first, iterations=0)
    assert result.picture.shape == (48, 64, 3)
    scale = max(48 / height, 64 / width)  # of the picture, until it covers
    for channel, side, full in ((0, 64, width), (1, 48, height)):
        share = side / (scale * full)  # of the picture's side that is left
        line = result.picture[24, :, 0] if channel == 0 else result.picture[:, 32, 1]
        ends = 255 * (0.5 - share / 2), 255 * (0.5 + share / 2)
        np.testing.assert_allclose((line[1], line[-2]), ends, atol=14)


def test_a_first_image_of_the_contents_size_is_taken_pixel_for_pixel(run: Run, texture: np.ndarray) -> None:
    first = np.ascontiguousarray(texture[:48, :64])
    np.testing.assert_array_equal(run(init="image", first=first, iterations=0).picture, first)


def test_the_first_image_leads_to_another_result(run: Run, texture: np.ndarray) -> None:
    from_content = run(iterations=2)
    from_image = run(iterations=2, init="image", first=texture)
    assert np.abs(from_content.picture.astype(int) - from_image.picture).mean() > 5


# Luminance


@pytest.mark.parametrize("init", ["content", "random"])
def test_luminance_keeps_the_contents_chroma_at_every_pixel(run: Run, small_photo: np.ndarray, init: str) -> None:
    result = run(iterations=15, color="luminance", init=init)
    np.testing.assert_allclose(chroma(result.picture), chroma(small_photo), atol=1.01)
    assert np.abs(luminance(result.picture) - luminance(small_photo)).mean() > 3


def test_luminance_keeps_the_chroma_of_pure_colours_too(run: Run, small_photo: np.ndarray) -> None:
    loud = np.where(small_photo > 100, 255, 0).astype(np.uint8)
    loud[:, :20] = small_photo[:, :20]
    result = run(content=loud, iterations=10, color="luminance")
    np.testing.assert_allclose(chroma(result.picture), chroma(loud), atol=1.01)


def test_without_luminance_the_chroma_changes_too(run: Run, small_photo: np.ndarray) -> None:
    assert np.abs(chroma(run(iterations=15).picture) - chroma(small_photo)).mean() > 3


# Progress and ends


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_progress_is_reported_after_every_iteration(run: Run, optimizer: str) -> None:
    reports: list[Progress] = []
    result = run(iterations=9, optimizer=optimizer, on_progress=reports.append)
    assert [report.iteration for report in reports] == list(range(1, 10))
    assert {report.iterations for report in reports} == {9}
    totals = [report.losses.total for report in reports]
    assert totals == sorted(totals, reverse=True)
    assert (result.iterations, result.stopped) == (9, "iterations")


def test_what_progress_raises_ends_the_transfer_at_once(run: Run) -> None:
    class Canceled(Exception):
        pass

    seen: list[int] = []

    def cancel(progress: Progress) -> None:
        seen.append(progress.iteration)
        if progress.iteration == 3:
            raise Canceled

    with pytest.raises(Canceled):
        run(iterations=50, on_progress=cancel)
    assert seen == [1, 2, 3]


def test_a_tick_comes_before_every_evaluation_and_what_it_raises_ends_the_transfer(run: Run) -> None:
    class Canceled(Exception):
        pass

    def tick() -> None:
        ticks.append(len(reports))
        if len(reports) == 2:
            raise Canceled

    ticks: list[int] = []
    reports: list[Progress] = []
    with pytest.raises(Canceled):
        run(iterations=50, on_progress=reports.append, on_tick=tick)
    assert ticks[0] == 0
    assert ticks.count(2) == 1


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
@pytest.mark.parametrize("color", ["style", "luminance"])
def test_a_picture_in_its_own_style_comes_back_without_an_error(
    run: Run, small_photo: np.ndarray, optimizer: str, scaling: str, color: str
) -> None:
    result = run(style=small_photo, optimizer=optimizer, loss_scaling=scaling, color=color)
    assert np.abs(result.picture.astype(int) - small_photo).max() <= 2
    assert result.stopped in ("converged", "stalled", "iterations")


@pytest.mark.parametrize("level", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (128, 128, 128)])
@pytest.mark.parametrize("color", ["style", "luminance"])
def test_a_flat_picture_in_its_own_style_comes_back_without_an_error(
    run: Run, level: tuple[int, int, int], color: str
) -> None:
    flat = np.full((32, 32, 3), level, np.uint8)
    result = run(content=flat, style=flat, color=color)
    assert np.abs(result.picture.astype(int) - flat).max() <= 2


def test_with_the_style_switched_off_nothing_moves_and_that_is_the_end(run: Run, small_photo: np.ndarray) -> None:
    result = run(style_weight=0.0, content_weight=1.0)
    np.testing.assert_array_equal(result.picture, small_photo)
    assert result.stopped == "converged"


# Levels


@pytest.mark.parametrize(
    ("color", "init"), [(c, i) for c in ("style", "luminance") for i in ("content", "random", "image")]
)
def test_through_several_levels_progress_only_grows_and_each_levels_grams_are_asked_for_once(
    painted: Painted, photo: np.ndarray, texture: np.ndarray, color: str, init: str
) -> None:
    reports: list[Progress] = []
    content = images.resize_long_edge(photo, 131)
    result, asked = painted(content, texture, reports, iterations=9, color=color, init=init)
    assert asked == [66, 131]
    assert result.picture.shape == content.shape
    assert [report.iteration for report in reports] == list(range(1, 10))
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[4] < 0.45  # five iterations at a quarter of the pixels
    assert fractions[-1] == pytest.approx(1)
    assert reports[0].picture().shape[1] == 66
    assert reports[-1].picture().shape == content.shape


def test_a_coarse_level_brings_the_objective_lower_for_the_same_iterations_at_full_size(
    painted: Painted, photo: np.ndarray, texture: np.ndarray
) -> None:
    content = images.resize_long_edge(photo, 144)
    one, two = (painted(content, texture, [], iterations=n, levels=k)[0] for n, k in ((4, 1), (10, 2)))
    assert two.losses.total < one.losses.total


def test_a_noisy_first_image_is_enlarged_without_new_noise(painted: Painted, photo: np.ndarray) -> None:
    content, reports = images.resize_long_edge(photo, 128), list[Progress]()
    result, _ = painted(content, content, reports, iterations=2, init="random", content_weight=1e-9, style_weight=0.0,
                        tv_weight=0.0)  # fmt: skip
    coarse = reports[0].picture()
    enlarged = images.resize(coarse, result.picture.shape[1], result.picture.shape[0])
    assert np.abs(enlarged.astype(int) - result.picture).mean() < 12


def test_a_missing_first_image_is_named(run: Run) -> None:
    with pytest.raises(ValueError, match="'style' needs a first image"):
        run(init="style")


# The real network


@pytest.mark.slow
@pytest.mark.parametrize("scaling", ["relative", "per_element", "gatys"])
def test_real_weights_take_on_the_style_and_keep_the_content(
    real_model: Path, photo: np.ndarray, texture: np.ndarray, scaling: str
) -> None:
    model = load_model(real_model)
    encoder = build_encoder(model, torch.device("cpu"))
    content, style = images.resize_long_edge(photo, 112), images.resize_long_edge(texture, 96)
    given = vgg_features(model.parameters(), "max", as_image(style))
    grams = {f"relu{b}_1": gram_means(given[f"relu{b}_1"]).astype(np.float32) for b in range(1, 6)}
    weights = {} if scaling == "relative" else {"content_weight": 1.0, "style_weight": 100.0}
    options = TransferOptions(iterations=30, loss_scaling=scaling, **weights)
    before = stylize(
        encoder, content, lambda size: grams, TransferOptions(iterations=0, loss_scaling=scaling, **weights)
    ).losses
    result = stylize(encoder, content, lambda size: grams, options)
    expected = expected_losses(model, result.picture, content, style, options)
    assert vars(result.losses) == pytest.approx(expected, rel=1e-3)
    assert result.losses.style < 0.5 * before.style
    outlines = [
        np.asarray(Image.fromarray(p).convert("L").reduce(4), float).ravel() for p in (content, result.picture)
    ]
    assert np.corrcoef(outlines)[0, 1] > 0.5


def luminance(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float64) @ [0.299, 0.587, 0.114]


def chroma(picture: np.ndarray) -> np.ndarray:
    """R - Y, G - Y and B - Y in levels."""
    return picture.astype(np.float64) - luminance(picture)[..., None]
