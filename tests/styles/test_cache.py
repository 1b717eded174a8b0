"""The Gram cache: bounded in memory, shared through the blobs, and never fooled by a broken blob."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from safetensors.numpy import load, save

from service import images
from service.errors import StorageError
from service.model import Model
from service.storage.blobs import Blobs
from service.styles.cache import FOLDER, GramCache, GramKey
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleGrams, StyleImage, Treatment

ROOT = Path(__file__).resolve().parent.parent.parent
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


@pytest.fixture
def blobs() -> CountingBlobs:
    return CountingBlobs()


def key(number: int) -> GramKey:
    return dataclasses.replace(KEY, image=f"image {number}")


def same(found: Grams | None, expected: Grams) -> bool:
    return found is not None and set(found) == set(expected) and all(
        np.array_equal(found[layer], expected[layer]) for layer in expected
    )  # fmt: skip


# Keys


@pytest.mark.parametrize("field", dataclasses.fields(GramKey), ids=lambda field: field.name)
def test_every_field_makes_another_key(field: dataclasses.Field[Any]) -> None:
    value = getattr(KEY, field.name)
    other = value[:1] if isinstance(value, tuple) else value + (1 if isinstance(value, int) else "x")
    assert dataclasses.replace(KEY, **{field.name: other}).blob != KEY.blob


def test_the_same_fields_make_the_same_key() -> None:
    assert GramKey("model", "image", 64, 48, ("relu1_1", "relu2_1")).blob == KEY.blob
    assert KEY.blob.startswith(f"{FOLDER}/")


def test_what_is_swapped_or_joined_is_another_key() -> None:
    assert dataclasses.replace(KEY, width=48, height=64).blob != KEY.blob
    assert dataclasses.replace(KEY, layers=("relu1_1relu2_1",)).blob != KEY.blob
    assert dataclasses.replace(KEY, model="modeli", image="mage").blob != KEY.blob


# Two levels


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
    cache = GramCache(blobs, 3 * SIZE)
    for i in range(3):
        cache.put(key(i), some_grams(i))
    cache.get(key(0))
    cache.put(key(3), some_grams(3))
    cache.get(key(0))
    assert blobs.reads == 0
    cache.get(key(1))
    assert blobs.reads == 1


def test_the_bound_counts_bytes_and_not_entries(blobs: CountingBlobs) -> None:
    cache = GramCache(blobs, 3 * SIZE)
    for i in range(3):
        cache.put(key(i), some_grams(i))
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
    ages = {blob.key: blob.modified for blob in blobs.listing(FOLDER)}
    assert ages[key(0).blob] > ages[key(1).blob] == 1000


# Broken blobs


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
    data = png(small_texture)
    style = StyleImage(lambda: data, images.digest(data), 80, 60)

    def targets() -> tuple[str, Grams]:
        found = StyleGrams(extractor, GramCache(blobs, 0), "model").targets([style], 48, ["relu1_1"], Treatment())
        return found.cache, found.grams

    _, first = targets()
    (blob,) = blobs.listing(FOLDER)
    blobs.put(blob.key, blobs.get(blob.key)[:-7])
    state, again = targets()
    assert state == "miss"
    assert same(again, first)
    assert targets()[0] == "hit"


# Several processes

FILL = """
import sys
from pathlib import Path
from service import images
from service.errors import StorageError
from service.model import load_model
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams, StyleImage, Treatment

model_file, picture_file, url = sys.argv[1:]
model = load_model(Path(model_file))
data = Path(picture_file).read_bytes()
extractor, blobs = GramExtractor(model, "cpu", 1), Blobs(url)
print("ready", flush=True)
for line in sys.stdin:
    style = StyleImage(lambda: data, images.digest(data), 80, 60)
    targets = StyleGrams(extractor, GramCache(blobs, 0), model.sha256).targets(
        [style], int(line), ["relu1_1", "relu3_1"], Treatment())
    print(targets.cache, *(float(targets.grams[layer].sum()) for layer in ("relu1_1", "relu3_1")), flush=True)
"""


def test_processes_that_fill_the_same_keys_at_once_leave_one_good_blob_each(
    narrow_model: Path, model: Model, extractor: GramExtractor, small_texture: np.ndarray, tmp_path: Path
) -> None:
    picture, url = tmp_path / "style.png", (tmp_path / "blobs").as_uri()
    picture.write_bytes(png(small_texture))
    command = [sys.executable, "-c", FILL, str(narrow_model), str(picture), url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    answers: list[list[str]] = []
    for size in range(32, 72):
        for worker in workers:
            print(size, file=worker.stdin, flush=True)
        answers.append([worker.stdout.readline() for worker in workers])
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0

    states = [[line.split()[0] for line in pair] for pair in answers]
    assert all("miss" in pair for pair in states)
    assert ["miss", "miss"] in states, "the two never met"
    assert all(pair[0].split()[1:] == pair[1].split()[1:] for pair in answers)
    assert len(list((tmp_path / "blobs").rglob("*.safetensors"))) == len(answers)
    assert len([path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]) == len(answers)
    for size in (32, 50, 71):
        data = picture.read_bytes()
        style = StyleImage(lambda data=data: data, images.digest(data), 80, 60)
        cached = GramCache(Blobs(url), 0)
        found = StyleGrams(extractor, cached, model.sha256).targets(
            [style], size, ["relu1_1", "relu3_1"], Treatment()
        )
        assert found.cache == "hit"
        expected = extractor.grams(images.resize_long_edge(small_texture, size), ["relu1_1", "relu3_1"])
        assert same(found.grams, expected)
