"""What painters learn from."""

from __future__ import annotations

import numpy as np
import pytest

from service.painters.drawn import draw
from service.painters.photographs import BATCH, CROP, Crops
from service.pictures.images import Picture


def test_the_same_seed_draws_the_same_picture() -> None:
    one, same, other = (draw(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.slow
def test_drawn_pictures_are_in_range_and_have_edges_and_colours() -> None:
    random = np.random.default_rng(0)
    pictures = [draw(random, 96) for _ in range(30)]
    assert all(picture.shape == (96, 96, 3) and picture.dtype == np.float32 for picture in pictures)
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in pictures)
    assert np.mean([np.abs(np.diff(picture, axis=1)).max() > 0.2 for picture in pictures]) > 0.8
    assert np.mean([np.ptp(picture, axis=2).max() > 0.1 for picture in pictures]) > 0.8


@pytest.mark.slow
def test_crops_come_from_photographs_where_there_are_some(photo: Picture) -> None:
    red = np.zeros_like(photo)
    red[..., 0] = 200
    batches = [Crops([red], seed).batch(256) for seed in range(6)]
    assert all(tuple(batch.shape) == (BATCH, 3, CROP, CROP) for batch in batches)
    crops = [crop for batch in batches for crop in batch]
    of_photograph = [bool((crop[1:] < 1 / 256).all() and (crop[0] > 0.7).all()) for crop in crops]
    assert 0 < sum(of_photograph) < len(crops)  # drawn ones stay among them


def test_a_photograph_narrower_than_a_crop_is_enlarged(photo: Picture) -> None:
    sliver = np.ascontiguousarray(photo[:40, :200])
    assert tuple(Crops([sliver], 3).batch(CROP).shape) == (BATCH, 3, CROP, CROP)


def test_crops_of_small_pictures_show_them_at_their_size() -> None:
    """A photograph with a stripe along each edge: larger crops would have wider stripes."""
    framed = np.zeros((512, 512, 3), np.uint8)
    framed[16:-16, 16:-16] = 255
    batch = Crops([framed], 3).batch(64)
    assert tuple(batch.shape) == (9 * BATCH, 3, 64, 64)
    whole = [crop for crop in batch if (crop[:, 2:-2, 2:-2] > 0.8).all()]
    assert whole and all((crop[:, 0] < 0.1).all() for crop in whole)
