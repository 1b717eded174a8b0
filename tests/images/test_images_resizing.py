"""Pictures are brought to a size with their aspect kept."""

from __future__ import annotations

import numpy as np
import pytest
from images.picture_checks import far

from service.pictures.images import cover, fitted_size, resize, resize_long_edge


@pytest.mark.parametrize(
    ("given", "size", "expected"),
    [
        ((451, 300), 512, (512, 341)),
        ((300, 451), 512, (341, 512)),
        ((512, 512), 512, (512, 512)),
        ((4000, 3000), 384, (384, 288)),
        ((1000, 1), 64, (64, 1)),
        ((1, 5000), 32, (1, 32)),
        ((1920, 1079), 64, (64, 36)),
        ((40, 24), 40, (40, 24)),
    ],
)
def test_the_long_edge_gets_the_size_and_the_short_one_keeps_the_aspect(
    given: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    assert fitted_size(*given, size) == expected


def test_the_long_edge_is_exact_and_the_short_one_rounded_for_every_size() -> None:
    rng = np.random.default_rng(0)
    for width, height, size in rng.integers(8, 5000, (2000, 3)).tolist():
        fitted = fitted_size(width, height, size)
        assert max(fitted) == size
        assert abs(min(fitted) - min(width, height) * size / max(width, height)) <= 0.5 or min(fitted) == 1


def test_a_picture_that_has_the_size_is_given_back_untouched(photo: np.ndarray) -> None:
    assert resize(photo, 451, 300) is photo
    assert resize_long_edge(photo, 451) is photo
    assert cover(photo, 451, 300) is photo


def test_resizing_keeps_the_brightness_and_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    np.testing.assert_allclose(resize(stripes, 16, 16)[2:-2, 2:-2], 100, atol=3)
    assert resize(stripes, 20, 10).shape == (10, 20, 3)


def test_resizing_up_and_down_again_gives_nearly_the_same(photo: np.ndarray) -> None:
    small = resize_long_edge(photo, 100)
    assert small.shape == (67, 100, 3)
    assert far(resize(resize_long_edge(small, 300), 100, 67), small) < 2


@pytest.mark.parametrize(("width", "height"), [(40, 10), (10, 40), (100, 24), (24, 24)])
def test_covering_takes_the_middle_and_keeps_the_aspect(picture: np.ndarray, width: int, height: int) -> None:
    covered = cover(picture, width, height)
    assert covered.shape == (height, width, 3)
    scale = max(width / 40, height / 24)
    whole = resize(picture, round(40 * scale), round(24 * scale))
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    assert far(covered, whole[top : top + height, left : left + width]) < 8
