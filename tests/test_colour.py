"""Colours moved to another picture's mean and covariance, and greys."""

from __future__ import annotations

import numpy as np
import pytest

from service.pictures.colour import grey, match, moments


def cloud(mean: tuple[float, float, float], mixing: list[list[float]], seed: int) -> np.ndarray:
    """64 x 64 x 3 uint8 with colours spread by `mixing` around a mean, well inside the gamut."""
    spread = np.clip(np.random.default_rng(seed).normal(size=(64, 64, 3)), -2.5, 2.5)
    colours: np.ndarray = np.clip(np.rint(mean + spread @ np.array(mixing).T), 0, 255)
    return colours.astype(np.uint8)


@pytest.fixture
def warm() -> np.ndarray:
    return cloud((150, 110, 90), [[20, 0, 0], [12, 9, 0], [5, 3, 8]], 1)


@pytest.fixture
def cold() -> np.ndarray:
    return cloud((90, 120, 150), [[9, 4, 0], [0, 14, 2], [3, 0, 22]], 2)


def test_moments_are_the_mean_and_covariance_of_the_pixels(warm: np.ndarray) -> None:
    mean, covariance = moments(warm)
    pixels = warm.reshape(-1, 3).astype(float)
    centred = pixels - pixels.sum(axis=0) / len(pixels)
    np.testing.assert_allclose(mean, pixels.sum(axis=0) / len(pixels))
    np.testing.assert_allclose(covariance, centred.T @ centred / len(pixels))


def test_matched_colours_have_the_given_mean_and_covariance(warm: np.ndarray, cold: np.ndarray) -> None:
    mean, covariance = moments(cold)
    moved_mean, moved_covariance = moments(match(warm, mean, covariance))
    np.testing.assert_allclose(moved_mean, mean, atol=0.05)
    np.testing.assert_allclose(moved_covariance, covariance, atol=0.01 * np.trace(covariance))


def test_a_picture_matched_to_itself_stays_as_it_is(warm: np.ndarray) -> None:
    np.testing.assert_array_equal(match(warm, *moments(warm)), warm)


def test_matching_moves_each_colour_the_same_way_wherever_it_lies(warm: np.ndarray, cold: np.ndarray) -> None:
    shuffled = np.random.default_rng(0).permutation(warm.reshape(-1, 3)).reshape(32, 128, 3)
    expected = np.unique(match(warm, *moments(cold)).reshape(-1, 3), axis=0)
    np.testing.assert_array_equal(np.unique(match(shuffled, *moments(cold)).reshape(-1, 3), axis=0), expected)


def test_matching_turns_no_colour_round(warm: np.ndarray) -> None:
    """The symmetric square root is the smallest of all moves: with one covariance, it is a shift."""
    mean, covariance = moments(warm)
    shift = np.array([-20, 10, 15])
    moved = match(warm, mean + shift, covariance)
    np.testing.assert_allclose(moved.astype(int) - warm, np.broadcast_to(shift, warm.shape), atol=1)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_takes_the_mean_and_nothing_blows_up(level: int, cold: np.ndarray) -> None:
    flat = np.full((20, 30, 3), level, np.uint8)
    mean, covariance = moments(cold)
    np.testing.assert_array_equal(match(flat, mean, covariance), np.broadcast_to(np.rint(mean), flat.shape))


def test_a_single_pixel_off_by_one_level_is_not_blown_up(cold: np.ndarray) -> None:
    nearly_flat = np.full((30, 30, 3), 100, np.uint8)
    nearly_flat[3, 4] = 101
    mean, covariance = moments(cold)
    moved = match(nearly_flat, mean, covariance)
    assert np.abs(moved[3, 4] - mean).max() < 3 * np.sqrt(covariance.max())


def test_a_grey_picture_is_spread_no_further_than_the_colours_it_is_moved_to(cold: np.ndarray) -> None:
    mean, covariance = moments(cold)
    _, moved = moments(match(grey(cold), mean, covariance))
    assert np.trace(moved) < 1.1 * np.trace(covariance)


def test_colours_moved_to_a_flat_picture_end_within_a_level_or_two_of_it(warm: np.ndarray) -> None:
    moved = match(warm, *moments(np.full((20, 20, 3), 77, np.uint8)))
    assert np.abs(moved.astype(int) - 77).mean() < 1.5


def test_what_leaves_the_gamut_is_cut_and_does_not_wrap_round(warm: np.ndarray) -> None:
    moved = match(warm, np.array([250.0, 250.0, 250.0]), 900 * np.eye(3))
    assert moved.min() > 100
    assert (moved == 255).mean() > 0.2


def test_grey_is_the_luminance_in_all_three_channels() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 20, 30]]], np.uint8)
    expected = np.rint(0.299 * pixels[..., 0] + 0.587 * pixels[..., 1] + 0.114 * pixels[..., 2])
    for channel in range(3):
        np.testing.assert_array_equal(grey(pixels)[..., channel], expected)
    assert grey(pixels).dtype == np.uint8


def test_a_grey_picture_stays_as_it_is() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(grey(levels), levels)
