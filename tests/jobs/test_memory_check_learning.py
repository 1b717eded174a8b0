"""Whether a learning fits a worker, with the Grams of its style images, and what it does without where they don't."""

from __future__ import annotations

import re

import pytest

from service.errors import DoesNotFit
from service.jobs.memory_check import check_learning_memory, grams_fit, judging_fits
from service.machine.memory import BASE, LEARNING, MIB, PHOTOGRAPHS, Capacity, needed
from service.storage.stored_files import StoredImage

SQUARE = [(StoredImage("b", "s", 800, 800), 1.0)]
STEPS = BASE + LEARNING["float32"]


def room(memory: int) -> Capacity:
    return Capacity(memory, "float32")


def refused(size: int, *rooms: Capacity) -> str:
    with pytest.raises(DoesNotFit) as caught:
        check_learning_memory("painter.size", SQUARE, size, set(rooms))
    (error,) = caught.value.errors
    assert error.loc == "painter.size"
    return error.msg


def test_its_steps_take_as_much_for_each_size() -> None:
    for size in (64, 512):
        check_learning_memory("size", SQUARE, size, {room(STEPS)})
        assert "no size would fit" in refused(size, room(STEPS), room(STEPS - 1))


def test_the_grams_of_a_large_size_take_more_and_the_size_that_fits_is_named() -> None:
    exact = needed(0, 0, [(2048, 2048)], "float32", PHOTOGRAPHS)
    check_learning_memory("size", SQUARE, 2048, {room(exact)})
    message = refused(2048, room(exact), room(STEPS + 10 * MIB))
    assert f"takes {-(-exact // MIB)} MiB" in message
    size = int(re.findall(r"a size of (\d+) would fit", message)[0])
    check_learning_memory("size", SQUARE, size, {room(STEPS + 10 * MIB)})
    refused(size + 1, room(STEPS + 10 * MIB))


def test_without_a_known_worker_nothing_is_refused() -> None:
    check_learning_memory("size", SQUARE, 2048, set())


def test_what_is_optional_needs_room_beside_the_pictures_that_are_learned_from() -> None:
    grams = needed(0, 0, [(1024, 1024)], "float32", PHOTOGRAPHS)
    assert grams_fit(SQUARE, 1024, room(grams))
    assert not grams_fit(SQUARE, 1024, room(grams - 1))


def test_a_painter_is_judged_where_a_transfer_of_its_size_fits() -> None:
    judging = needed(1024, 1024, [(1024, 1024)], "float32")
    assert judging_fits(SQUARE, 1024, room(judging))
    assert not judging_fits(SQUARE, 1024, room(judging - 1))
    assert judging_fits(SQUARE, 512, room(STEPS))  # wherever it can be learned
