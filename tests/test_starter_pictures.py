"""The pictures of the starters: drawn by scripts/starters, small, and with tones and textures that a style needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from scripts.gallery import OUT
from scripts.starters.__main__ import DRAWN, SIZE, draw
from scripts.starters.painted import MAX_BYTES, cut
from service.styles.starters.loading import FOLDER, STARTERS

FAR = 16.0  # of 255, mean absolute difference; WebP costs 3 to 9, drawings of two seeds are 25 to 103 apart
SCALED = set(DRAWN) - {"mosaic"}  # whose joints are as many pixels wide at any size


def committed(name: str) -> np.ndarray:
    """H x W x 3."""
    return np.asarray(Image.open(FOLDER / f"{name}.webp").convert("RGB"), dtype=np.float64)


def quick_ones(names: set[str], quick: set[str]) -> list[Any]:
    """The names, but those that take longer marked as slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in sorted(names)]


def test_each_has_a_picture_and_each_picture_is_one() -> None:
    assert {path.stem for path in FOLDER.glob("*.webp")} == {starter.name for starter in STARTERS} == set(DRAWN)


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.webp")) < 2_000_000


@pytest.mark.parametrize("name", quick_ones(set(DRAWN), {"ink", "waves", "mosaic"}))
@pytest.mark.slow
def test_what_is_committed_is_what_the_script_draws(name: str) -> None:
    drawn, kept = np.asarray(draw(name, SIZE), dtype=np.float64), committed(name)
    assert kept.shape == drawn.shape
    assert np.abs(drawn - kept).mean() < FAR


@pytest.mark.parametrize("name", quick_ones(SCALED, SCALED - {"dots", "strokes"}))
def test_a_small_one_has_the_same_colours(name: str) -> None:
    small = np.asarray(draw(name, 192), dtype=np.float64)
    assert small.shape == (192, 192, 3)
    assert np.abs(small.mean((0, 1)) - committed(name).mean((0, 1))).max() < 20


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_style_has_darks_and_lights_and_no_large_flat_place(name: str) -> None:
    """Without darks a transfer is mush; where a style is flat the photograph stays as it is."""
    luma = committed(name) @ (0.299, 0.587, 0.114)
    dark, light = np.quantile(luma, (0.05, 0.95))
    assert dark < 70
    assert light > 170
    blocks = luma.reshape(8, SIZE // 8, 8, SIZE // 8).std(axis=(1, 3))
    assert np.quantile(blocks, 0.25) > 25


def test_each_has_a_small_photograph_painted_in_it() -> None:
    sheet = Image.open(OUT)
    for i, starter in enumerate(STARTERS):
        assert starter.painted.stat().st_size <= MAX_BYTES
        kept = np.asarray(Image.open(starter.painted).convert("RGB"), dtype=np.float64)
        assert np.abs(kept - np.asarray(cut(sheet, i), dtype=np.float64)).mean() < FAR
