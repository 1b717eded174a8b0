"""What a transfer takes, which size would fit, and how much memory there is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.memory import BASE, PER_PIXEL, STYLE_PER_PIXEL, Room, available, largest_size, needed

SIZES = range(32, 2049)
PHYSICAL = 16_000 * 4096  # bytes


@pytest.fixture(autouse=True)
def physical(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16000 pages of 4 KiB."""
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 16_000, "SC_PAGE_SIZE": 4096}.__getitem__)


def write(cgroups: Path, name: str, text: str) -> None:
    file = cgroups / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("precision", PER_PIXEL)
def test_the_output_and_the_largest_style_image_are_held_one_after_the_other(precision: str) -> None:
    output, style = PER_PIXEL[precision] * 400 * 300, STYLE_PER_PIXEL * 2000 * 1000
    assert needed(400, 300, [], precision) == BASE + output
    assert needed(400, 300, [(30, 20)], precision) == BASE + output
    assert needed(400, 300, [(30, 20), (2000, 1000), (100, 50)], precision) == BASE + style
    assert needed(0, 0, [], precision) == BASE


def test_bfloat16_takes_less() -> None:
    assert needed(512, 512, [], "bfloat16") < needed(512, 512, [], "float32")


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
    assert Room(1000, "float32").limit == 1000
    assert Room(None, "float32").limit > needed(2048, 2048, [(2048, 2048)], "float32")


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize("text, expected", [
    ("50000000\n", 50_000_000),
    ("9223372036854771712\n", PHYSICAL),
    ("max\n", PHYSICAL),
    ("", PHYSICAL),
])  # fmt: skip
def test_a_container_may_have_less_than_its_machine(tmp_path: Path, name: str, text: str, expected: int) -> None:
    write(tmp_path, name, text)
    assert available(tmp_path) == expected


def test_a_machine_without_cgroups_has_its_memory(tmp_path: Path) -> None:
    assert available(tmp_path / "none") == PHYSICAL


def test_a_machine_that_does_not_say_how_much_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)
    assert available(tmp_path) == sys.maxsize
    write(tmp_path, "memory.max", "123")
    assert available(tmp_path) == 123
