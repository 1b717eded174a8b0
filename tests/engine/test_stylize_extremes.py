"""Pictures that are small, flat or in the style already are painted without an error."""

from __future__ import annotations

import numpy as np
import pytest
from engine.paintings import Run


@pytest.mark.parametrize("size", [(16, 16), (17, 90)], ids=["smallest", "narrow"])
def test_the_smallest_pictures_can_be_painted(run: Run, photo: np.ndarray, size: tuple[int, int]) -> None:
    content = np.ascontiguousarray(photo[100 : 100 + size[0], 100 : 100 + size[1]])
    result = run(content=content, iterations=3)
    assert result.picture.shape == (*size, 3)


def test_a_black_content_is_painted_too(run: Run) -> None:
    result = run(content=np.zeros((32, 40, 3), np.uint8))
    assert np.isfinite(list(vars(result.losses).values())).all()
    assert result.picture.any()


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
