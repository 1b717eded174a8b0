"""Where a transfer begins: at the content, at noise or at a given image."""

from __future__ import annotations

import numpy as np
import pytest
from engine.paintings import Run


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


def test_a_missing_first_image_is_named(run: Run) -> None:
    with pytest.raises(ValueError, match="'style' needs an initial image"):
        run(init="style")
