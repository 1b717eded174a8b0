"""Gram targets are computed once: what is found in the cache, and what makes another key."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from styles.style_images import FIVE, MIB, PLAIN, CountingExtractor, style, targets_of

from service.pictures.colour import grey
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import Grams
from service.styles.grams import StyleGrams, Tally
from service.styles.style import Treatment


class UnusedExtractor:
    def grams(self, *asked: object) -> Grams:
        raise AssertionError("a style pass was run")


def unread() -> bytes:
    raise AssertionError("the image was read")


def test_the_first_time_is_a_miss_and_the_second_a_hit(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    first = targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN)
    again = targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN)
    assert (first.cache, again.cache) == ("miss", "hit")
    assert len(counting.asked) == 1
    for layer in FIVE:
        np.testing.assert_array_equal(first.grams[layer], again.grams[layer])


@pytest.mark.parametrize("memory", [MIB, 0], ids=["from memory", "from the blobs"])
def test_a_hit_runs_no_style_pass_and_does_not_even_read_the_image(
    counting: Any, blobs: Blobs, small_texture: Picture, memory: int
) -> None:
    cache = GramCache(blobs, memory)
    targets_of(StyleGrams(counting, cache, "model"), [style(small_texture)], 48, FIVE, PLAIN)
    unused: Any = UnusedExtractor()
    targets = targets_of(StyleGrams(unused, cache, "model"), [style(small_texture, read=unread)], 48, FIVE, PLAIN)
    assert targets.cache == "hit"


def test_another_worker_finds_what_one_computed(counting: Any, blobs: Blobs, small_texture: Picture) -> None:
    first = targets_of(StyleGrams(counting, GramCache(blobs, MIB), "model"), [style(small_texture)], 48, FIVE, PLAIN)
    other: Any = UnusedExtractor()
    found = targets_of(StyleGrams(other, GramCache(blobs, MIB), "model"), [style(small_texture)], 48, FIVE, PLAIN)
    assert found.cache == "hit"
    for layer in FIVE:
        np.testing.assert_array_equal(found.grams[layer], first.grams[layer])


def test_one_of_two_found_is_partial(grams: StyleGrams, small_texture: Picture, mirrored: Picture) -> None:
    targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN)
    both = [style(mirrored), style(small_texture)]
    found = [targets_of(grams, both, 48, FIVE, PLAIN) for _ in range(2)]
    assert [(targets.cache, targets.tally) for targets in found] == [("partial", Tally(1, 2)), ("hit", Tally(2, 2))]


def test_one_picture_given_twice_is_computed_once(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    one = style(small_texture)
    first = targets_of(grams, [one, style(mirrored), one], 48, FIVE, PLAIN)
    assert (first.cache, len(counting.asked)) == ("miss", 2)
    twice = [style(small_texture, weight=2.0), style(mirrored)]
    for layer, gram in targets_of(grams, twice, 48, FIVE, PLAIN).grams.items():
        np.testing.assert_allclose(gram, first.grams[layer], rtol=1e-6)


def test_a_tick_comes_before_each_style_and_what_it_raises_ends_this(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    class Canceled(Exception):
        pass

    def tick() -> None:
        done.append(len(counting.asked))
        if done[-1]:
            raise Canceled

    done: list[int] = []
    with pytest.raises(Canceled):
        targets_of(grams, [style(small_texture), style(mirrored)], 48, FIVE, PLAIN, tick)
    assert done[0] == 0
    assert len(counting.asked) == 1


def test_a_tick_comes_before_each_style_that_is_found(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture
) -> None:
    styles = [style(small_texture), style(mirrored)]
    ticks: list[int] = []
    for _ in range(2):
        ticks.clear()
        targets_of(grams, styles, 48, FIVE, PLAIN, lambda: ticks.append(1))
    assert len(ticks) == 2


class Watcher:
    """The Grams that one attempt at a job has, and how many it had when it began to compute some."""

    def __init__(self, dies_with: int = 9) -> None:
        self.grams, self.had, self._dies_with = 0, list[int](), dies_with

    def computing(self, pixels: int) -> None:
        self.had.append(self.grams)

    def at_hand(self) -> None:
        self.grams += 1
        if self.grams == self._dies_with:
            raise Killed


class Killed(Exception):
    pass


def test_grams_count_once_they_are_in_the_cache_whichever_attempt_computed_them(
    grams: StyleGrams, counting: Any, blobs: Blobs, small_texture: Picture, mirrored: Picture
) -> None:
    styles = [style(small_texture), style(mirrored), style(small_texture)]
    first, second, third = Watcher(dies_with=1), Watcher(), Watcher()
    with grams.watched(first), pytest.raises(Killed):
        targets_of(grams, styles, 48, FIVE, PLAIN)
    other = StyleGrams(counting, GramCache(blobs, MIB), "model")
    for watcher in (second, third):
        with other.watched(watcher):
            targets_of(other, styles, 48, FIVE, PLAIN)
    assert [watcher.had for watcher in (first, second, third)] == [[0], [1], []]
    assert [watcher.grams for watcher in (first, second, third)] == [1, 3, 3]
    assert len(counting.asked) == 2


def test_all_that_a_gram_depends_on_makes_another_key(
    grams: StyleGrams, counting: Any, blobs: Blobs, small_texture: Picture, mirrored: Picture
) -> None:
    one = style(small_texture)
    targets_of(grams, [one], 48, FIVE, PLAIN)
    others = [
        targets_of(grams, [style(mirrored)], 48, FIVE, PLAIN),
        targets_of(grams, [one], 49, FIVE, PLAIN),
        targets_of(grams, [style(small_texture, scale=0.5)], 48, FIVE, PLAIN),
        targets_of(grams, [one], 48, FIVE[:4], PLAIN),
        targets_of(grams, [style(small_texture, mask=mirrored)], 48, FIVE, PLAIN),
        targets_of(grams, [style(small_texture, mask=small_texture)], 48, FIVE, PLAIN),
        targets_of(grams, [one], 48, FIVE, Treatment("grey", grey)),
        targets_of(StyleGrams(counting, GramCache(blobs, MIB), "another model"), [one], 48, FIVE, PLAIN),
    ]
    assert [targets.cache for targets in others] == ["miss"] * len(others)
    assert targets_of(grams, [one], 48, FIVE, PLAIN).cache == "hit"


def test_what_a_gram_does_not_depend_on_makes_no_other_key(grams: StyleGrams, small_texture: Picture) -> None:
    targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN)
    assert targets_of(grams, [style(small_texture, weight=7.0)], 48, FIVE, PLAIN).cache == "hit"
    assert targets_of(grams, [style(small_texture)], 48, FIVE[::-1], PLAIN).cache == "hit"
    assert targets_of(grams, [style(small_texture, scale=2.0)], 24, FIVE, PLAIN).cache == "hit"
