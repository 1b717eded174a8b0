"""A picture with transparency is made ready for the engine: colours everywhere, none of them white by mistake."""

from __future__ import annotations

import numpy as np
import pytest

from service.pictures.cutout import SOLID, filled, fitted, shown, visibility
from service.pictures.images import Cutout


def disc(height: int, width: int, soft: float) -> np.ndarray:
    """Alpha of an ellipse whose rim is `soft` of its radius wide."""
    y, x = (np.linspace(-1, 1, n) for n in (height, width))
    distance = np.hypot(y[:, None], x[None]) / 0.6
    return (np.clip((1 - distance) / soft, 0, 1) * 255).round().astype(np.uint8)


@pytest.fixture
def cut(photo: np.ndarray) -> Cutout:
    """The photograph within an ellipse, and bright green where nothing can be seen of it."""
    height, width = photo.shape[:2]
    alpha = disc(height, width, soft=0.2)
    return Cutout(np.where(alpha[..., None] > 0, photo, np.array([0, 255, 0], np.uint8)), alpha)


def test_what_can_be_seen_stays_pixel_for_pixel(cut: Cutout, photo: np.ndarray) -> None:
    made = fitted(cut, 451)
    assert made.alpha is not None
    assert cut.alpha is not None
    np.testing.assert_array_equal(made.alpha, cut.alpha)
    solid = cut.alpha >= SOLID
    np.testing.assert_array_equal(made.colours[solid], photo[solid])


@pytest.mark.parametrize("size", [451, 200, 600])
def test_nothing_of_the_colours_under_transparent_places_is_seen(cut: Cutout, size: int) -> None:
    made = fitted(cut, size)
    assert made.alpha is not None
    assert max(made.alpha.shape) == size
    greenness = made.colours[..., 1].astype(int) - made.colours.max(axis=2, initial=0, where=[True, False, True])
    assert greenness.max() < 60  # the photograph's own is below that, the hidden green's 255
    assert not (made.colours == 255).all(axis=2).any()


def test_gaps_get_the_colours_of_what_lies_next_to_them() -> None:
    colours = np.zeros((64, 96, 3), np.uint8)
    colours[:, :48], colours[:, 48:] = (200, 0, 0), (0, 0, 200)
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 16:80] = 255
    made = filled(colours, alpha)
    np.testing.assert_allclose(made[:, :16].mean(axis=(0, 1)), (200, 0, 0), atol=15)
    np.testing.assert_allclose(made[:, 80:].mean(axis=(0, 1)), (0, 0, 200), atol=15)


@pytest.mark.parametrize("shape", [(8, 8), (9, 40), (17, 8), (1, 32)])
def test_one_pixel_fills_a_picture_of_any_shape(shape: tuple[int, int]) -> None:
    alpha = np.zeros(shape, np.uint8)
    alpha[0, 3] = 255
    made = filled(np.full((*shape, 3), (10, 120, 230), np.uint8), alpha)
    np.testing.assert_allclose(made, np.broadcast_to((10, 120, 230), made.shape), atol=1)


def test_a_picture_of_which_nothing_can_be_seen_is_white() -> None:
    assert (filled(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)) == 255).all()


def test_an_opaque_picture_has_no_alpha(photo: np.ndarray) -> None:
    made = fitted(Cutout(photo, None), 100)
    assert made.alpha is None
    assert made.colours.shape == (67, 100, 3)


def test_soft_edges_count_as_much_as_the_middle_and_far_away_nothing_counts() -> None:
    alpha = disc(200, 300, soft=0.3)
    weight = visibility(alpha)
    assert weight.dtype == np.float32
    assert (weight[alpha >= SOLID] == 1).all()
    assert weight[0, 0] == 0
    assert 0 < weight[(alpha == 0)].max() <= 1


def test_a_smaller_picture_is_shown_under_the_same_alpha() -> None:
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, :48] = 255
    seen = shown(np.zeros((32, 48, 3), np.uint8), alpha)
    assert (seen[:, :22] == 0).all()
    assert (seen[:, 26:] == 255).all()
