"""One dial from the content image to all style."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from api.controls import PHOTO, QUICK, STYLE, assert_refused, digests, losses, painted, picture
from front_door import RunningService


def test_no_strength_gives_back_the_content_byte_for_byte(service: RunningService) -> None:
    job = painted(service, STYLE, strength=0, iterations=30)
    assert np.array_equal(picture(service, job), PHOTO)
    assert job["result"]["losses"]["content"] == 0


@pytest.mark.slow
def test_more_strength_is_more_style_and_less_content(service: RunningService) -> None:
    """From three quarters on there is next to nothing more to be had of the style here: that is to rounding."""
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    job = painted(service, STYLE, iterations=60, variants=[{"strength": strength} for strength in steps])
    content, style = losses(job, "content"), losses(job, "style")
    assert all(after > 1.1 * before for before, after in pairwise(content))
    assert all(after < 0.8 * before for before, after in pairwise(style[:4]))
    assert style[4] < 1.05 * style[3]


def test_half_strength_is_the_default_and_a_smoothing_of_ones_own_is_kept(service: RunningService) -> None:
    job = painted(
        service, STYLE, variants=[{}, {"strength": 0.5}, {"tv_weight": 9}, {"tv_weight": 9, "strength": 0.5}]
    )
    plain, half, smooth, half_smooth = digests(job)
    assert plain == half != smooth == half_smooth
    assert job["options"]["variants"][1] == {"strength": 0.5}


@pytest.mark.parametrize("weight", ["content_weight", "style_weight"])
def test_a_strength_beside_what_it_stands_for_is_refused(service: RunningService, weight: str) -> None:
    body = QUICK | {"styles": [STYLE]}
    assert_refused(service.post(body | {"strength": 0.5, weight: 1.0}), "strength")
    both = {"variants": [{}, {"strength": 0.5, weight: 1.0}]}
    assert_refused(service.post(body | both), "variants.1.strength")


@pytest.mark.parametrize("strength", [-0.01, 1.01, "half", True])
def test_a_strength_out_of_range_is_refused(service: RunningService, strength: object) -> None:
    assert_refused(service.post(QUICK | {"styles": [STYLE], "strength": strength}), "strength")


def test_a_variants_strength_goes_before_the_transfers_weights(service: RunningService) -> None:
    job = painted(service, STYLE, content_weight=9.0, style_weight=0.01, variants=[{"strength": 0.5}, {}])
    plain = painted(service, STYLE)
    assert digests(job)[0] == plain["result"]["sha256"] != digests(job)[1]


@pytest.mark.slow
def test_a_variants_weights_go_before_the_transfers_strength(service: RunningService) -> None:
    job = painted(service, STYLE, strength=0.9, variants=[{"content_weight": 2.0}, {"style_weight": 0.3}, {}])
    alone = painted(service, STYLE, variants=[{"content_weight": 2.0}, {"style_weight": 0.3}, {"strength": 0.9}])
    assert digests(job) == digests(alone)
    assert len(set(digests(job))) == 3
