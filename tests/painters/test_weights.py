"""The file of a painter's weights, which may come from a stranger."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from service.painters.graph import onnx_file
from service.painters.weights import METADATA, PainterWeights, UnusablePainter

FACTS = {"version": 1, "size": 512, "model": "ab" * 32}


def test_a_file_is_read_back_to_the_same_bytes(weights: PainterWeights) -> None:
    data = weights.to_bytes()
    again = PainterWeights.from_bytes(data)
    assert (again.size, again.model) == (512, "ab" * 32)
    assert again.to_bytes() == data
    assert onnx_file(again, {}) == onnx_file(weights, {})


def file_of(arrays: dict[str, Any], facts: Any = FACTS) -> bytes:
    return save(arrays, {METADATA: json.dumps(facts)})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda arrays: arrays.pop("head.bias"), "other weights"),
        (lambda arrays: arrays.update(more=np.zeros(1, np.float16)), "other weights"),
        (lambda arrays: arrays.update({"head.bias": np.zeros(13, np.float16)}), r"head.bias is not float16 of"),
        (lambda arrays: arrays.update({"head.bias": np.zeros(12, np.float32)}), r"head.bias is not float16 of"),
        (lambda arrays: arrays.update({"head.bias": np.full(12, np.nan, np.float16)}), "isn't finite"),
        (lambda arrays: arrays.update({"head.bias": np.full(12, np.inf, np.float16)}), "isn't finite"),
    ],
)
def test_other_weights_are_refused(
    weights: PainterWeights, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    arrays = dict(weights.weights)
    change(arrays)
    with pytest.raises(UnusablePainter, match=reason):
        PainterWeights.from_bytes(file_of(arrays))


@pytest.mark.parametrize(
    "facts",
    [
        [],
        {},
        FACTS | {"version": 2},
        FACTS | {"size": "512"},
        FACTS | {"size": 10**9},
        FACTS | {"size": True},
        FACTS | {"model": 3},
    ],
)
def test_other_facts_are_refused(weights: PainterWeights, facts: Any) -> None:
    with pytest.raises(UnusablePainter):
        PainterWeights.from_bytes(file_of(dict(weights.weights), facts))


@pytest.mark.parametrize(
    "data", [b"", b"x" * 100, b"\xff" * 8 + b"{}", b"\x02\0\0\0\0\0\0\0{}", b"\x02\0\0\0\0\0\0\0[]"]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(UnusablePainter):
        PainterWeights.from_bytes(data)


def test_a_file_that_ends_early_is_refused(weights: PainterWeights) -> None:
    data = weights.to_bytes()
    for end in (7, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(UnusablePainter):
            PainterWeights.from_bytes(data[:end])
