"""The Gram cache is bounded in memory and backed by the blobs, and their failure costs a computation only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from safetensors.numpy import load
from styles.cached_grams import KEY, SIZE, CountingBlobs, key, same, some_grams

from service.errors import StorageError
from service.storage.blobs import Blobs
from service.styles.cache import GramCache


def filled(blobs: CountingBlobs) -> GramCache:
    """Return a cache that has room for three Grams, and three in it."""
    cache = GramCache(blobs, 3 * SIZE)
    for i in range(3):
        cache.put(key(i), some_grams(i))
    return cache


def test_what_was_put_is_found_and_nothing_else(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 10 * SIZE)
    assert cache.get(KEY) is None
    cache.put(KEY, some_grams())
    assert same(cache.get(KEY), some_grams())
    assert cache.get(key(1)) is None


def test_the_blobs_hold_the_grams_as_safetensors(blobs: CountingBlobs) -> None:
    GramCache(blobs, 0).put(KEY, some_grams())
    assert same(load(blobs.get(KEY.blob)), some_grams())


def test_memory_is_asked_before_the_blobs(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 10 * SIZE)
    cache.put(KEY, some_grams())
    for _ in range(5):
        assert same(cache.get(KEY), some_grams())
    assert blobs.reads == 0
    other = GramCache(blobs, 10 * SIZE)
    for _ in range(5):
        assert same(other.get(KEY), some_grams())
    assert blobs.reads == 1


def test_memory_never_holds_more_bytes_than_it_may(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 3 * SIZE)
    for i in range(6):
        cache.put(key(i), some_grams(i))
    for i in (5, 4, 3):
        assert same(cache.get(key(i)), some_grams(i))
    assert blobs.reads == 0
    assert same(cache.get(key(2)), some_grams(2))  # from its blob, and 5 is now the one unused for longest
    assert blobs.reads == 1
    cache.get(key(5))
    assert blobs.reads == 2


def test_what_was_used_last_stays_longest(blobs: CountingBlobs) -> None:
    cache = filled(blobs)
    cache.get(key(0))
    cache.put(key(3), some_grams(3))
    cache.get(key(0))
    assert blobs.reads == 0
    cache.get(key(1))
    assert blobs.reads == 1


def test_the_bound_counts_bytes_and_not_entries(blobs: CountingBlobs) -> None:
    cache = filled(blobs)
    cache.put(key(9), some_grams(9, channels=12))  # 2.25 times as large: two have to go
    cache.get(key(9))
    cache.get(key(2))
    assert blobs.reads == 1
    cache.get(key(2))
    cache.get(key(9))
    assert blobs.reads == 2


def test_putting_the_same_again_and_again_uses_no_more_memory(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 2 * SIZE)
    cache.put(key(0), some_grams(0))
    for _ in range(10):
        cache.put(key(1), some_grams(1))
    cache.get(key(0))
    assert blobs.reads == 0


def test_what_is_larger_than_the_memory_is_still_cached_in_the_blobs(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, SIZE - 1)
    for _ in range(2):
        cache.put(KEY, some_grams())
    assert same(cache.get(KEY), some_grams())
    assert same(cache.get(KEY), some_grams())
    assert blobs.reads == 2


def test_what_is_larger_than_the_memory_drives_nothing_out_of_it(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, SIZE)
    cache.put(key(0), some_grams(0))
    cache.put(key(9), some_grams(9, channels=12))
    assert same(cache.get(key(0)), some_grams(0))
    assert blobs.reads == 0


class FullBlobs(Blobs):
    """Blobs that take nothing and, for now, give nothing."""

    def __init__(self) -> None:
        super().__init__("memory:///")

    def put(self, key: str, data: bytes) -> None:
        raise StorageError("full")

    def get(self, key: str) -> bytes:
        raise StorageError("away")


def test_blobs_that_fail_cost_a_computation_and_no_transfer(caplog: pytest.LogCaptureFixture) -> None:
    cache = GramCache(FullBlobs(), 10 * SIZE)
    assert cache.get(KEY) is None
    cache.put(KEY, some_grams())
    assert same(cache.get(KEY), some_grams())
    assert "away" in caplog.text
    assert "full" in caplog.text


def test_grams_that_are_used_are_younger_than_those_that_are_not(tmp_path: Path) -> None:
    """The sweep takes the oldest blobs."""
    blobs = Blobs((tmp_path / "blobs").as_uri())
    for i in range(2):
        GramCache(blobs, 0).put(key(i), some_grams(i))
        os.utime(tmp_path / "blobs" / key(i).blob, (1000, 1000))
    GramCache(blobs, 0).get(key(0))
    ages = {blob.key: blob.modified for blob in blobs.listing("grams")}
    assert ages[key(0).blob] > ages[key(1).blob] == 1000
