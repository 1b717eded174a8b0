"""A transfer through several levels, coarse to fine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.paintings import GramsOf, Painted

from service.engine.stylize import Progress, stylize
from service.engine.vgg import VGG
from service.options import TransferOptions
from service.pictures import images


@pytest.mark.parametrize(
    ("color", "init"), [(c, i) for c in ("style", "luminance") for i in ("content", "random", "image")]
)
@pytest.mark.slow
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


def test_transfers_that_differ_in_iterations_share_the_contents_features(
    encoder: VGG, grams_of: GramsOf, photo: np.ndarray, texture: np.ndarray
) -> None:
    content, memo = images.resize_long_edge(photo, 128), dict[Any, Any]()

    def paint(**options: Any) -> None:
        asked = TransferOptions(**options)
        stylize(encoder, content, lambda size: [grams_of(images.resize_long_edge(texture, size))], asked, memo=memo)

    paint(iterations=2)
    kept = dict(memo)
    assert len(kept) > 1
    paint(iterations=4)
    assert memo.keys() == kept.keys()
    assert all(memo[key] is kept[key] for key in kept)
    paint(iterations=2, content_layers={"relu3_1": 1.0})
    assert len(memo) == 2 * len(kept)
