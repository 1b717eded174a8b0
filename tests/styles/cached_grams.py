"""Grams and keys for a cache, and blobs that count what is read."""

from __future__ import annotations

import dataclasses

import numpy as np

from service.storage.blobs import Blobs
from service.styles.extractor import Grams
from service.styles.gram_keys import GramKey

KEY = GramKey("model", "image", 64, 48, ("relu1_1", "relu2_1"))


def some_grams(seed: int = 0, channels: int = 8) -> Grams:
    rng = np.random.default_rng(seed)
    return {layer: rng.random((channels, channels), dtype=np.float32) for layer in KEY.layers}


SIZE = sum(gram.nbytes for gram in some_grams().values())


class CountingBlobs(Blobs):
    """Blobs in memory that count what is read."""

    def __init__(self) -> None:
        super().__init__("memory:///")
        self.reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return super().get(key)


def key(number: int) -> GramKey:
    return dataclasses.replace(KEY, image=f"image {number}")


def same(found: Grams | None, expected: Grams) -> bool:
    return found is not None and set(found) == set(expected) and all(
        np.array_equal(found[layer], expected[layer]) for layer in expected
    )  # fmt: skip
