"""A checkpoint as a file: what comes back from it, and what is refused."""

from __future__ import annotations

import itertools
import json
import pickle
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from service.engine.checkpoint import Checkpoint, UnusableCheckpoint
from service.network.levels import Level

PLAN = (Level(9, 7, 2, 5), Level(18, 14, 0, 4))
TRAIL = (2, 3, 11, 13)  # two images of the first level, with its margin


def some_checkpoint(**changes: Any) -> Checkpoint:
    trail = np.random.default_rng(0).random(TRAIL, np.float32)
    trail[0, 0, 0, :2] = 0, 1
    return replace(Checkpoint(PLAN, level=0, iteration=3, before=0, stopped="", trail=trail), **changes)


@pytest.mark.parametrize("stopped", ["", "converged"])
def test_a_checkpoint_comes_back_from_its_file(stopped: str) -> None:
    before = some_checkpoint(stopped=stopped)
    after = Checkpoint.from_bytes(before.to_bytes())
    facts = [(c.plan, c.level, c.iteration, c.before, c.stopped) for c in (before, after)]
    assert facts[0] == facts[1]
    assert after.trail.dtype == np.float32
    np.testing.assert_allclose(after.trail, before.trail, rtol=0, atol=0.5001 / 65535)
    assert after.trail[0, 0, 0, :2].tolist() == [0, 1]
    np.testing.assert_array_equal(Checkpoint.from_bytes(after.to_bytes()).trail, after.trail)


def damaged(**metadata: Any) -> bytes:
    """A checkpoint's file with other metadata; None for none."""
    usual = {"plan": json.dumps([astuple(level) for level in PLAN]), "level": "0", "iteration": "3", "before": "0",
             "stopped": ""}  # fmt: skip
    return save({"trail": np.zeros(TRAIL, np.uint16)}, {k: v for k, v in (usual | metadata).items() if v is not None})


def file_of(trail: np.ndarray, name: str = "trail") -> bytes:
    """A checkpoint's file with other images."""
    head = damaged()
    metadata = json.loads(head[8 : 8 + int.from_bytes(head[:8], "little")])["__metadata__"]
    return save({name: trail}, metadata)


def test_the_files_that_the_next_test_damages_are_good_before() -> None:
    assert Checkpoint.from_bytes(damaged()).iteration == 3
    assert Checkpoint.from_bytes(file_of(np.zeros((1, *TRAIL[1:]), np.uint16))).iteration == 3


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "header"),
        (pickle.dumps(some_checkpoint().trail), "not a checkpoint"),
        (damaged()[:-1], "incomplete"),
        (damaged()[:100], "header"),
        (save({"trail": np.zeros(TRAIL, np.uint16)}), "__metadata__"),
        *[(damaged(**{name: None}), name) for name in ("plan", "level", "iteration", "before", "stopped")],
        (damaged(plan="[[9, 7, 2, 5], [18"), "not a checkpoint"),
        (damaged(plan="[[9, 7]]"), "not a checkpoint"),
        (damaged(plan="[]"), "level 0 of 0"),
        (damaged(plan="7"), "not a checkpoint"),
        (damaged(level="one"), "one"),
        (damaged(level="2"), "level 2 of 2"),
        (damaged(level="-1"), "level -1 of 2"),
        (damaged(level="1"), "for 18 x 14 pixels"),
        (damaged(iteration="6"), "0 and 6 iterations"),
        (damaged(iteration="-1"), "0 and -1 iterations"),
        (damaged(before="1"), "1 and 3 iterations"),
        (damaged(stopped="bored"), "bored"),
        (file_of(np.zeros(TRAIL, np.uint16), "image"), "trail"),
        (file_of(np.zeros((2, 3, 13, 11), np.uint16)), "for 13 x 11 pixels"),
        (file_of(np.zeros((2, 3, 7, 9), np.uint16)), "for 13 x 11 pixels"),
        (file_of(np.zeros((3, *TRAIL[1:]), np.uint16)), "for 13 x 11 pixels"),
        (file_of(np.zeros((0, *TRAIL[1:]), np.uint16)), "for 13 x 11 pixels"),
        (file_of(np.zeros(TRAIL[1:], np.uint16)), "for 13 x 11 pixels"),
        (file_of(np.full(TRAIL, np.nan, np.float32)), "float32"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_a_damaged_file_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnusableCheckpoint, match=reason):
        Checkpoint.from_bytes(data)


@given(place=st.integers(0, len(damaged()) - 1), byte=st.integers(0, 255))
def test_a_wrong_byte_never_breaks_more_than_the_file(place: int, byte: int) -> None:
    data = bytearray(damaged())
    data[place] = byte
    try:
        assert Checkpoint.from_bytes(bytes(data)).trail.shape == TRAIL
    except UnusableCheckpoint:
        assert bytes(data) != damaged()


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01, 1.01])
def test_an_image_with_a_pixel_out_of_range_makes_no_checkpoint(value: float) -> None:
    trail = some_checkpoint().trail.copy()
    trail[0, 1, 2, 3] = value
    with pytest.raises(UnusableCheckpoint, match=r"in \[0, 1\]"):
        some_checkpoint(trail=trail)
