"""What a transfer takes, which size would fit, and how much memory there is."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import stage
from service.machine import memory
from service.machine.memory import (
    BASE,
    KEPT_PER_PIXEL,
    PER_PIXEL,
    STYLE_KEPT_PER_PIXEL,
    STYLE_PER_PIXEL,
    STYLE_WHOLE,
    TILED,
    Capacity,
    available,
    largest_size,
    max_whole_pixels,
    needed,
)
from service.styles import extractor

SIZES = range(32, 4097)
PHYSICAL = 16_000 * 4096  # bytes


@pytest.fixture(autouse=True)
def physical(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16000 pages of 4 KiB."""
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 16_000, "SC_PAGE_SIZE": 4096}.__getitem__)


@pytest.mark.parametrize("precision", PER_PIXEL)
def test_the_output_and_the_largest_style_image_are_held_one_after_the_other(precision: str) -> None:
    output, style = PER_PIXEL[precision] * 400 * 300, STYLE_PER_PIXEL * 1000 * 900
    assert needed(400, 300, [], precision) == BASE + output
    assert needed(400, 300, [(30, 20)], precision) == BASE + output
    assert needed(400, 300, [(30, 20), (1000, 900), (100, 50)], precision) == BASE + style
    assert needed(0, 0, [], precision) == BASE


@pytest.mark.parametrize("precision", PER_PIXEL)
def test_of_a_large_output_a_tile_is_held_and_little_of_the_rest(precision: str) -> None:
    pixels = 4096 * 4000
    assert needed(4096, 4000, [], precision) == BASE + PER_PIXEL[precision] * TILED + KEPT_PER_PIXEL * pixels
    assert needed(896, 896, [], precision) == BASE + PER_PIXEL[precision] * TILED


def test_of_a_large_style_image_a_tile_is_held_and_little_of_the_rest() -> None:
    beyond = 4096 * 3000 - STYLE_WHOLE
    style = STYLE_PER_PIXEL * STYLE_WHOLE + STYLE_KEPT_PER_PIXEL * beyond
    assert needed(0, 0, [(4096, 3000)], "float32") == BASE + style
    assert needed(0, 0, [(STYLE_WHOLE, 1)], "float32") == BASE + STYLE_PER_PIXEL * STYLE_WHOLE


def test_tiles_of_outputs_and_of_style_images_are_those_that_are_counted() -> None:
    assert stage.TILE**2 == TILED
    assert extractor.TILE**2 <= extractor.WHOLE == STYLE_WHOLE


@pytest.mark.parametrize("precision", PER_PIXEL)
def test_what_a_process_can_work_on_in_one_piece_fits_and_a_pixel_more_does_not(precision: str) -> None:
    limit = BASE + 10**9
    assert BASE + PER_PIXEL[precision] * max_whole_pixels(limit, precision) <= limit
    assert BASE + PER_PIXEL[precision] * (max_whole_pixels(limit, precision) + 1) > limit
    assert max_whole_pixels(BASE, precision) == max_whole_pixels(BASE // 2, precision) == 0


@given(pixels=st.integers(1, 4096**2), precision=st.sampled_from(list(PER_PIXEL)))
def test_more_pixels_never_take_less(pixels: int, precision: str) -> None:
    assert needed(pixels, 1, [], precision) <= needed(pixels + 1, 1, [], precision)
    assert needed(0, 0, [(pixels, 1)], precision) <= needed(0, 0, [(pixels + 1, 1)], precision)


@pytest.mark.parametrize("side", [512, 4096])
def test_bfloat16_takes_less(side: int) -> None:
    assert needed(side, side, [], "bfloat16") < needed(side, side, [], "float32")


@given(
    limit=st.integers(0, 20 * 2**30),
    aspect=st.floats(0.05, 1),
    scale=st.floats(0.05, 4),
    precision=st.sampled_from(list(PER_PIXEL)),
)
def test_the_largest_size_fits_and_the_next_does_not(limit: int, aspect: float, scale: float, precision: str) -> None:
    def needed_at(size: int) -> int:
        return needed(size, round(aspect * size), [(round(scale * size), round(scale * size))], precision)

    largest = largest_size(needed_at, limit, SIZES)
    if largest is None:
        assert needed_at(SIZES[0]) > limit
    else:
        assert needed_at(largest) <= limit
        assert largest == SIZES[-1] or needed_at(largest + 1) > limit


def test_a_room_without_a_memory_has_no_limit() -> None:
    assert Capacity(1000, "float32").limit == 1000
    assert Capacity(None, "float32").limit > needed(4096, 4096, [(4096, 4096)], "float32")


@pytest.mark.parametrize("limit, expected", [(50_000_000, 50_000_000), (2**63 - 4096, PHYSICAL), (None, PHYSICAL)])
def test_a_container_may_have_less_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, expected: int
) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: limit)
    assert available() == expected


def test_a_machine_that_does_not_say_how_much_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    monkeypatch.setattr(memory, "memory_limit", lambda: None)
    assert available() == sys.maxsize
    monkeypatch.setattr(memory, "memory_limit", lambda: 123)
    assert available() == 123
