"""A learning from its first step to its last."""

from __future__ import annotations

import io
import itertools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from service.engine.checkpoint import UnusableCheckpoint
from service.engine.losses import Losses
from service.engine.vgg import VGG
from service.options import TransferOptions
from service.painters import course as module
from service.painters.course import CHECKS, LAST_PART, PATIENCE, RESTARTS, Course, LearningDiverged, Material
from service.painters.learning import RATE, Targets
from service.painters.shape import parameter_shapes
from service.painters.weights import PainterWeights
from service.pictures.images import Picture

SIZE = 64


@pytest.fixture
def new(encoder: VGG, targets: Targets) -> Any:
    def make(seconds: float = 1000.0, clock: Callable[[], float] = time.monotonic) -> Course:
        return Course(encoder, TransferOptions(size=SIZE), Material(grams(targets), SIZE), seconds, clock=clock)

    return make


def grams(targets: Targets) -> dict[int, dict[str, Any]]:
    return {0: {layer: target.numpy() for layer, target in targets.items()}}


def weights(course: Course) -> Mapping[str, torch.Tensor]:
    return course.painter.state_dict()


def checks(monkeypatch: pytest.MonkeyPatch, totals: list[float]) -> None:
    """Let the checks find these totals, one after the other."""
    found = iter(totals)
    monkeypatch.setattr(module, "judge", lambda *_: Losses(0.0, 0.0, 0.0, next(found)))


def counted() -> Callable[[], float]:
    """Return a clock on which a step takes a second, and a check too."""
    return itertools.count(0.0).__next__


@pytest.mark.slow
def test_it_ends_when_its_time_is_up(new: Any) -> None:
    course = new(seconds=0.5)
    while not course.ended:
        course.step()
    assert course.standing.seconds >= 0.5
    assert 1 <= len(course.standing.curve) <= CHECKS
    assert course.losses is not None and course.losses.total > 0
    assert course.fraction == 1.0


@pytest.mark.slow
def test_the_last_part_follows_when_it_no_longer_gains(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    last = [0.35, 0.3, 0.3]
    checks(monkeypatch, [0.5, *[0.5] * PATIENCE, *last])
    course = new(seconds=2.0 * CHECKS, clock=counted())
    while not course.ended:
        course.step()
    assert [losses.total for _, losses in course.standing.curve] == [0.5, *[0.5] * PATIENCE, *last]
    assert len(last) == LAST_PART * CHECKS
    assert course.standing.skipped > 0


@pytest.mark.slow
def test_it_takes_all_of_its_last_part_without_a_gain(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    falling = [0.5 - 0.01 * check for check in range(7)]
    checks(monkeypatch, [*falling, *[0.5] * 20])
    course = new(seconds=2.0 * CHECKS, clock=counted())
    while course.standing.waited < PATIENCE:
        course.step()
    assert course.fraction >= 1 - LAST_PART
    other = new(seconds=2.0 * CHECKS, clock=counted())
    other.resume(course.to_bytes())
    assert not other.ended
    while not course.ended:
        course.step()
    assert len(course.standing.curve) == CHECKS
    assert course.standing.skipped == 0


@pytest.mark.slow
def test_one_that_diverges_goes_back_and_goes_on_at_half_the_rate(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, [0.5, math.nan, *[0.4] * 20])
    course = new(seconds=24.0, clock=counted())
    while not course.standing.curve:
        course.step()
    good = {name: tensor.clone() for name, tensor in weights(course).items()}
    while not course.standing.restarts:
        course.step()
    assert course.standing.rate == RATE / 2
    assert [losses.total for _, losses in course.standing.curve] == [0.5]  # no NaN
    assert all(torch.equal(good[name], tensor) for name, tensor in weights(course).items())


@pytest.mark.slow
def test_one_that_diverges_again_and_again_fails_with_the_reason(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, [math.nan] * 20)
    course = new(seconds=12.0, clock=counted())
    with pytest.raises(LearningDiverged, match=f"diverged {RESTARTS + 1} times"):
        for _ in range(1000):
            course.step()


@pytest.mark.slow
def test_it_goes_on_from_its_bytes(new: Any) -> None:
    course, other = new(), new()
    for _ in range(3):
        course.step()
    other.resume(course.to_bytes())
    assert other.steps == 3
    assert other.standing == course.standing
    assert all(torch.equal(tensor, weights(course)[name]) for name, tensor in weights(other).items())
    other.step()
    assert other.steps == 4


@pytest.mark.slow
def test_it_goes_on_from_the_bytes_of_another_version(new: Any) -> None:
    course, other = new(), new()
    course.step()
    state = torch.load(io.BytesIO(course.to_bytes()), weights_only=True)
    del state["standing"]["skipped"]  # as a version before left it out
    state["standing"]["of a later version"] = 1
    file = io.BytesIO()
    torch.save(state, file)
    other.resume(file.getvalue())
    assert other.standing == course.standing


@pytest.mark.slow
def test_one_that_diverges_after_a_pause_goes_back_to_its_checkpoint(
    new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    course, other = new(), new(seconds=24.0, clock=counted())
    for _ in range(3):
        course.step()
    checks(monkeypatch, [0.5, math.nan, *[0.4] * 20])
    other.resume(course.to_bytes())
    while not other.standing.restarts:
        other.step()
    assert all(torch.equal(tensor, weights(course)[name]) for name, tensor in weights(other).items())


def test_an_error_that_is_no_divergence_ends_it(new: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    course = new()

    def fail(*_: Any) -> None:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(course._training, "step", fail)
    with pytest.raises(RuntimeError, match="not enough memory"):
        course.step()


@pytest.mark.parametrize("data", [b"", b"no file of torch"])
def test_other_bytes_are_refused(new: Any, data: bytes) -> None:
    with pytest.raises(UnusableCheckpoint):
        new().resume(data)


@pytest.mark.slow
def test_photographs_held_out_are_what_it_is_judged_on(encoder: VGG, targets: Targets, photo: Picture) -> None:
    one = Course(encoder, TransferOptions(), Material(grams(targets), SIZE, [photo], [photo]), 0.5)
    black = Material(grams(targets), SIZE, [photo], [np.zeros_like(photo)])
    other = Course(encoder, TransferOptions(), black, 0.5)
    for course in (one, other):
        course.step()
        course._check()
    assert one.standing.curve[-1][1] != other.standing.curve[-1][1]


@pytest.mark.slow
def test_it_begins_with_the_painter_that_is_nearest_to_its_style(encoder: VGG, targets: Targets) -> None:
    flat, random = (painter_weights(seed, spread) for seed, spread in ((1, 0.0), (2, 0.1)))
    totals = {}
    for name, beginnings in (("none", []), ("flat", [flat]), ("random", [random]), ("both", [flat, random])):
        course = Course(
            encoder, TransferOptions(size=SIZE), Material(grams(targets), SIZE), 1e3, beginnings=beginnings
        )
        course.step()
        totals[name] = course.losses.total if course.losses else math.nan
    assert len({totals[name] for name in ("none", "flat", "random")}) == 3
    assert totals["both"] == min(totals["flat"], totals["random"])


def painter_weights(seed: int, spread: float) -> PainterWeights:
    random = np.random.default_rng(seed)
    arrays = {name: random.normal(0, spread, shape).astype(np.float32) for name, shape in parameter_shapes().items()}
    return PainterWeights.of(arrays, SIZE, "ab" * 32)
