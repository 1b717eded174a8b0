"""How much each place counts: masks of regions, strength and what is protected, taken together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.guidance_masks import left, noise

from service.engine.guidance import EVERYWHERE, Guidance


def test_without_masks_everything_counts_everywhere() -> None:
    assert EVERYWHERE.weights(64, 48, 0) == Guidance((None, None)).weights(64, 48, 16)[:1] == [None]
    assert EVERYWHERE.protected(64, 48, 16) is None


def test_region_strength_and_what_is_not_protected_are_multiplied() -> None:
    regions, strength, protect = (noise(48, 64, 1), None, noise(48, 64, 2)), noise(48, 64, 3), noise(48, 64, 4)
    weights = Guidance(regions, protect, strength).weights(64, 48, 0)
    assert len(weights) == 3
    for weight, region in zip(weights, regions, strict=True):
        assert weight is not None
        assert weight.dtype == np.float32
        expected = (1 if region is None else region) * strength * (1 - protect)
        np.testing.assert_allclose(weight, expected, atol=1e-6)


@pytest.mark.parametrize("given", [{"regions": (noise(48, 64),)}, {"strength_map": noise(48, 64)}])
def test_one_mask_alone_is_the_weight(given: dict[str, Any]) -> None:
    (weight,) = Guidance(**given).weights(64, 48, 0)
    np.testing.assert_array_equal(weight, noise(48, 64))


def test_masks_are_brought_to_the_pictures_size_and_mirrored_beyond_its_edges() -> None:
    """A margin wider than the picture is mirrored again."""
    ramp = np.repeat(((np.arange(128) + 0.5) / 128)[None].astype(np.float32), 90, axis=0)
    (weight,) = Guidance((ramp,)).weights(32, 20, 40)
    small = np.pad((np.arange(32) + 0.5) / 32, 40, mode="symmetric")
    assert weight is not None
    np.testing.assert_allclose(weight, np.repeat(small[None], 100, axis=0), atol=0.01)


def test_what_is_protected_is_told_apart_from_its_weight() -> None:
    protect = left(48, 64, 20)
    guidance = Guidance(protect=protect)
    (weight,) = guidance.weights(64, 48, 0)
    np.testing.assert_array_equal(weight, 1 - protect)
    np.testing.assert_array_equal(guidance.protected(64, 48, 0), protect)
    np.testing.assert_array_equal(guidance.protected(64, 48, 3), np.pad(protect, 3, mode="symmetric"))
