"""A broken blob never fools the Gram cache."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from safetensors.numpy import save
from styles.cached_grams import KEY, SIZE, CountingBlobs, key, same, some_grams
from styles.style_images import style, targets_of

from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleGrams
from service.styles.style import Treatment


def broken() -> dict[str, bytes]:
    whole = save(some_grams())
    header = int.from_bytes(whole[:8], "little")
    return {
        "empty": b"",
        "without its last byte": whole[:-1],
        "without its second half": whole[: len(whole) // 2],
        "without its tensors": whole[: 8 + header],
        "with something behind it": whole + b"more",
        "with a header of noise": whole[:8]
        + bytes(255 - byte for byte in whole[8 : 8 + header])
        + whole[8 + header :],
        "with a huge header size": b"\xff" * 8 + whole[8:],
        "without a digest": whole,
        "of zeros": save({layer: 0 * gram for layer, gram in some_grams().items()}),
        "of NaN": save({layer: gram * np.float32("nan") for layer, gram in some_grams().items()}),
        "of another shape": save(some_grams(channels=4)),
        "of doubles": save({layer: gram.astype(np.float64) for layer, gram in some_grams().items()}),
        "noise": np.random.default_rng(0).bytes(len(whole)),
        "of other layers": save({"relu1_1": some_grams()["relu1_1"], "relu3_1": some_grams()["relu1_1"]}),
        "of too few layers": save({"relu1_1": some_grams()["relu1_1"]}),
    }


@pytest.mark.parametrize("data", broken().values(), ids=broken())
def test_a_broken_blob_is_as_good_as_none_and_is_replaced(blobs: CountingBlobs, data: bytes) -> None:
    blobs.put(KEY.blob, data)
    cache = GramCache(blobs, 10 * SIZE)
    assert cache.get(KEY) is None
    cache.put(KEY, some_grams())
    assert same(cache.get(KEY), some_grams())
    assert same(GramCache(blobs, 0).get(KEY), some_grams())


def test_a_broken_blob_is_spoken_of(blobs: CountingBlobs, caplog: pytest.LogCaptureFixture) -> None:
    blobs.put(KEY.blob, b"broken")
    with caplog.at_level(logging.WARNING):
        GramCache(blobs, 0).get(KEY)
    assert KEY.blob in caplog.text


def test_grams_of_a_broken_blob_are_computed_anew(extractor: GramExtractor, small_texture: np.ndarray) -> None:
    blobs = CountingBlobs()

    def found_anew() -> tuple[str, Grams]:
        grams = StyleGrams(extractor, GramCache(blobs, 0), "model")
        found = targets_of(grams, [style(small_texture)], 48, ["relu1_1"], Treatment())
        return found.cache, found.grams

    _, first = found_anew()
    (blob,) = blobs.listing("grams")
    blobs.put(blob.key, blobs.get(blob.key)[:-7])
    state, again = found_anew()
    assert state == "miss"
    assert same(again, first)
    assert found_anew()[0] == "hit"


def test_a_flipped_bit_and_another_keys_file_are_noticed(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 0)
    cache.put(KEY, some_grams())
    written = blobs.get(KEY.blob)
    assert same(cache.get(KEY), some_grams())
    flipped = bytearray(written)
    flipped[-2] ^= 1
    blobs.put(KEY.blob, bytes(flipped))
    assert cache.get(KEY) is None
    blobs.put(key(1).blob, written)
    assert cache.get(key(1)) is None
    blobs.put(KEY.blob, written)
    assert same(cache.get(KEY), some_grams())


def test_grams_that_are_not_finite_are_not_kept(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 10 * SIZE)
    cache.put(KEY, {layer: gram * np.float32("inf") for layer, gram in some_grams().items()})
    assert cache.get(KEY) is None
    assert list(blobs.listing("grams")) == []
