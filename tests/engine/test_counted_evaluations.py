"""How many evaluations a transfer and a score tell of, also where they fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from service.engine.stylize import score, stylize
from service.engine.vgg import VGG
from service.errors import Diverged
from service.network.levels import plan
from service.options import TransferOptions

GramsOf = Callable[..., dict[str, np.ndarray]]
TOO_LARGE = np.float32(1e30)  # times a Gram matrix: its squares aren't finite


@pytest.mark.parametrize(("levels", "iterations"), [(1, 0), (1, 3), (2, 5)])
def test_those_of_each_level_count_and_that_of_the_delivered_picture(
    encoder: VGG, small_photo: np.ndarray, grams_of: GramsOf, levels: int, iterations: int
) -> None:
    height, width = small_photo.shape[:2]
    grams, counted = grams_of(small_photo[::-1].copy()), list[int]()
    options = TransferOptions(levels=levels, iterations=iterations, tolerance=0.0)
    stylize(encoder, small_photo, lambda size: [grams], options, on_evaluated=counted.append)
    planned = [
        pixels
        for level in plan(width, height, levels, iterations)
        for pixels in [level.pixels] * (level.iterations + 1 if level.iterations else 0)
    ]
    assert counted == [*planned, height * width]


@pytest.mark.parametrize("iterations", [0, 3])
def test_one_without_a_finite_objective_counts_too(
    encoder: VGG, small_photo: np.ndarray, grams_of: GramsOf, iterations: int
) -> None:
    height, width = small_photo.shape[:2]
    grams = {layer: gram * TOO_LARGE for layer, gram in grams_of(small_photo).items()}
    options, counted = TransferOptions(levels=1, iterations=iterations), list[int]()
    with pytest.raises(Diverged):
        stylize(encoder, small_photo, lambda size: [grams], options, on_evaluated=counted.append)
    with pytest.raises(Diverged):
        score(encoder, small_photo, small_photo, [grams], options, on_evaluated=counted.append)
    assert counted == [height * width] * 2
