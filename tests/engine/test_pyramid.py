"""Levels: their sizes and shares, and that going through them loses nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from service.engine.canvas import to_tensor
from service.engine.pyramid import cropped, padded, refined
from service.network.levels import MARGIN, plan, split


def test_three_levels_each_twice_the_last_with_fewer_and_fewer_iterations() -> None:
    levels = plan(512, 384, 3, 90)
    assert [(level.width, level.height) for level in levels] == [(128, 96), (256, 192), (512, 384)]
    assert [level.iterations for level in levels] == [40, 30, 20]
    assert [level.margin for level in levels] == [MARGIN, MARGIN, 0]
    assert [level.size for level in levels] == [128, 256, 512]


@pytest.mark.parametrize(("size", "count"), [(64, 1), (127, 1), (128, 2), (600, 4), (2048, 6)])
def test_no_level_is_smaller_than_the_coarsest(size: int, count: int) -> None:
    levels = plan(size, size // 2, 6, 90)
    assert len(levels) == count
    assert (levels[-1].width, levels[-1].height) == (size, size // 2)


def test_a_narrow_picture_has_no_level_without_a_width() -> None:
    assert [(level.width, level.height) for level in plan(2048, 40, 6, 90)] == [(1024, 20), (2048, 40)]


@pytest.mark.parametrize(("iterations", "shares"), [(0, [0]), (1, [1]), (2, [1, 1]), (3, [1, 1, 1])])
def test_few_iterations_go_to_the_finest_levels(iterations: int, shares: list[int]) -> None:
    levels = plan(400, 300, 3, iterations)
    assert [level.iterations for level in levels] == shares
    assert (levels[-1].width, levels[-1].height) == (400, 300)


@given(iterations=st.integers(1, 5000), levels=st.integers(1, 6))
def test_the_shares_add_up_and_each_level_gets_its_due(iterations: int, levels: int) -> None:
    shares = split(iterations, min(levels, iterations))
    assert sum(shares) == iterations
    assert min(shares) >= 1
    assert all(coarse >= fine - 1 for coarse, fine in itertools.pairwise(shares))


def test_a_level_twice_as_large_costs_about_four_times_as_much_an_iteration() -> None:
    coarse, _, fine = plan(2048, 1536, 3, 90)
    assert fine.work / (fine.iterations + 1) == pytest.approx(16 * coarse.work / (coarse.iterations + 1), rel=0.2)


@pytest.mark.parametrize("margin", [0, 3, 16])
def test_a_margin_mirrors_the_picture_and_comes_off_again(margin: int) -> None:
    image = torch.rand(1, 3, 9, 12)
    wide = padded(image, margin)
    assert wide.shape == (1, 3, 9 + 2 * margin, 12 + 2 * margin)
    assert torch.equal(cropped(wide, margin), image)
    if margin:
        assert torch.equal(wide[..., margin - 1, margin:-margin], image[..., 0, :])
        assert torch.equal(wide[..., margin:-margin, -margin], image[..., -1])


@pytest.mark.slow
def test_an_untouched_level_is_refined_to_the_first_image_itself(small_photo: np.ndarray) -> None:
    fine = to_tensor(small_photo, torch.device("cpu"))
    coarse = fine[..., ::2, ::2]
    torch.testing.assert_close(refined(coarse, coarse, fine), fine)


@pytest.mark.slow
def test_what_a_level_changed_is_carried_on_and_stays_in_the_gamut(small_photo: np.ndarray) -> None:
    fine = to_tensor(small_photo, torch.device("cpu"))
    coarse = fine[..., ::2, ::2]
    brighter = refined(coarse + 0.1, coarse, fine)
    torch.testing.assert_close(brighter, (fine + 0.1).clamp(0, 1), rtol=0, atol=1e-5)
    assert float(refined(coarse + 1, coarse, fine).max()) == 1
