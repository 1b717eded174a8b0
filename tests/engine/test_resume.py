"""A transfer that another process takes over: what it leaves behind, and how it goes on from there."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from engine.objectives import Watched, both_methods, problem, rosenbrock, vector

from service.engine.checkpoint import Checkpoint, UnusableCheckpoint
from service.engine.losses import Objective
from service.engine.optimizer import minimize
from service.engine.stylize import Progress, Result, stylize
from service.engine.vgg import VGG
from service.errors import Diverged
from service.network.levels import plan
from service.options import TransferOptions
from service.pictures import images

GramsOf = Callable[..., dict[str, np.ndarray]]


class Painter:
    """Transfers of one style to one photograph, in two levels of 66 and 131 pixels.

    `sizes` and `reports` are those of the last call; `on_grams` is called whenever a level's Grams are asked for.
    """

    def __init__(self, encoder: VGG, grams_of: GramsOf, photo: np.ndarray, style: np.ndarray) -> None:
        self._encoder = encoder
        self._grams_of = grams_of
        self.content = images.resize_long_edge(photo, 131)
        self._style = style
        self.sizes: list[int] = []
        self.reports: list[Progress] = []
        self.on_grams: Callable[[], None] = lambda: None

    def __call__(self, resume: Checkpoint | None = None, content: np.ndarray | None = None, **options: Any) -> Result:
        self.sizes, self.reports = [], []
        return stylize(
            self._encoder,
            self.content if content is None else content,
            self._grams_at,
            TransferOptions(**{"iterations": 18, "tolerance": 0.0} | options),
            initial_image=self._style,
            resume=resume,
            on_progress=self.reports.append,
        )

    def _grams_at(self, size: int) -> list[dict[str, np.ndarray]]:
        self.sizes.append(size)
        self.on_grams()
        return [self._grams_of(images.resize_long_edge(self._style, size))]

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints of the last call's reports, as another process would read them."""
        return [Checkpoint.from_bytes(report.checkpoint().to_bytes()) for report in self.reports]


@pytest.fixture
def painter(encoder: VGG, grams_of: GramsOf, photo: np.ndarray, texture: np.ndarray) -> Painter:
    return Painter(encoder, grams_of, photo, texture)


def picture_of(checkpoint: Checkpoint) -> np.ndarray:
    """Its newest image without the margin, H x W x 3 in [0, 255]."""
    margin = checkpoint.plan[checkpoint.level].margin
    _, _, height, width = checkpoint.trail.shape
    return 255 * checkpoint.trail[-1, :, margin : height - margin, margin : width - margin].transpose(1, 2, 0)


# What a checkpoint says


def test_every_report_says_where_the_transfer_is(painter: Painter) -> None:
    result = painter()
    levels = plan(131, painter.content.shape[0], 3, 18)
    facts = [(c.level, c.before, c.iteration, c.stopped) for c in painter.checkpoints()]
    coarse, fine = (level.iterations for level in levels)
    assert facts == [(0, 0, n, "iterations" if n == coarse else "") for n in range(1, coarse + 1)] + [
        (1, coarse, n, "iterations" if n == fine else "") for n in range(1, fine + 1)
    ]
    assert [report.level for report in painter.reports] == [0] * coarse + [1] * fine
    for report, checkpoint in zip(painter.reports, painter.checkpoints(), strict=True):
        assert checkpoint.plan == tuple(levels)
        assert np.abs(picture_of(checkpoint) - report.picture()).max() <= 0.51
    assert result.iterations == 18


@pytest.mark.slow
def test_a_report_that_is_kept_keeps_nothing_of_the_level_alive(painter: Painter) -> None:
    """It holds while the next level is worked out, and after the end."""
    alive: list[int] = []

    def count() -> None:
        gc.collect()
        alive.append(sum(type(thing) is Objective for thing in gc.get_objects()))

    painter.on_grams = count
    painter()
    count()
    assert alive == [0, 0, 0]
    assert painter.reports[0].checkpoint().iteration == 1


# Going on

WAYS: list[dict[str, Any]] = [
    {},
    {"init": "random", "color": "luminance"},
    {"init": "style"},
    {"optimizer": "adam"},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_a_transfer_that_goes_on_ends_about_as_low_as_one_that_was_never_interrupted(
    painter: Painter, options: dict[str, Any]
) -> None:
    """Early and late in each level. Adam's first steps after it are as long as its first of all: they win less."""
    whole = painter(**options, iterations=60)
    checkpoints = painter.checkpoints()
    for checkpoint in (checkpoints[n - 1] for n in (8, 30, 40, 54)):
        resumed = painter(checkpoint, **options, iterations=60)
        assert resumed.losses.total < (1.1 if "optimizer" in options else 1.03) * whole.losses.total
        assert resumed.iterations == 60


@pytest.mark.slow
def test_the_last_step_before_teaches_a_curvature(painter: Painter) -> None:
    painter(iterations=60)
    checkpoint = painter.checkpoints()[49]
    told = painter(checkpoint, iterations=60).losses.total
    untold = painter(replace(checkpoint, trail=checkpoint.trail[-1:]), iterations=60).losses.total
    assert told < 0.98 * untold


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.slow
def test_progress_goes_on_from_the_checkpoints(painter: Painter, options: dict[str, Any]) -> None:
    painter(**options)
    whole, checkpoints = painter.reports, painter.checkpoints()
    for n in (3, 10, 15):
        painter(checkpoints[n - 1], **options)
        assert [r.iteration for r in painter.reports] == list(range(n + 1, 19))
        for name in ("iterations", "level", "fraction"):
            assert [getattr(r, name) for r in painter.reports] == [getattr(r, name) for r in whole[n:]]


@pytest.mark.slow
def test_only_the_grams_of_the_levels_that_are_left_are_asked_for(painter: Painter) -> None:
    painter()
    checkpoints = painter.checkpoints()
    asked = []
    coarse = checkpoints[0].plan[0].iterations  # the last of them ends the coarse level
    for n in (1, coarse - 1, coarse, coarse + 1, len(checkpoints)):
        painter(checkpoints[n - 1])
        asked.append(painter.sizes)
    assert asked == [[66, 131], [66, 131], [131], [131], [131]]


@pytest.mark.slow
def test_at_the_end_of_a_level_it_goes_on_with_the_next_as_if_never_interrupted(painter: Painter) -> None:
    whole = painter()
    (end,) = [c for c in painter.checkpoints() if c.level == 0 and c.stopped]
    resumed = painter(end)
    assert resumed.losses.total == pytest.approx(whole.losses.total, rel=1e-2)


def test_at_its_very_end_nothing_is_left_but_to_judge(painter: Painter) -> None:
    whole = painter()
    resumed = painter(painter.checkpoints()[-1])
    np.testing.assert_array_equal(resumed.picture, whole.picture)
    assert resumed == replace(whole, picture=resumed.picture)
    assert painter.reports == []


@pytest.mark.slow
def test_a_level_that_ended_early_is_not_taken_up_again(painter: Painter) -> None:
    """The checkpoints are as they are in memory: with those of a file's 16 bits a level may end an iteration away."""
    whole = painter(iterations=90, tolerance=0.03)
    assert whole.stopped == "converged"
    for end in [report.checkpoint() for report in painter.reports]:
        if not end.stopped:
            continue
        assert end.stopped == "converged"
        resumed = painter(end, iterations=90, tolerance=0.03)
        assert (resumed.iterations, resumed.stopped) == (whole.iterations, "converged")
        np.testing.assert_array_equal(resumed.picture, whole.picture)
        assert {report.level for report in painter.reports} == ({1} if end.level == 0 else set())


@pytest.mark.slow
def test_a_transfer_can_be_taken_over_again_and_again(painter: Painter) -> None:
    whole = painter(iterations=60)
    for done in (12, 24, 36, 48):
        checkpoint = next(c for c in painter.checkpoints() if c.before + c.iteration == done)
        resumed = painter(checkpoint, iterations=60)
        assert painter.reports[0].iteration == done + 1
    assert (resumed.iterations, resumed.stopped) == (60, "iterations")
    assert painter.reports[-1].fraction == pytest.approx(1)
    assert resumed.losses.total < 1.05 * whole.losses.total


@pytest.mark.slow
def test_where_nothing_lower_is_found_after_going_on_the_picture_stays(
    painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was gained before, these steps are an error."""
    painter(optimizer="adam", levels=1, iterations=60)
    checkpoint = painter.checkpoints()[2]
    monkeypatch.setattr("service.engine.methods.ADAM_STEP", 1e9)
    with pytest.raises(Diverged):
        painter(optimizer="adam", levels=1)
    resumed = painter(checkpoint, optimizer="adam", levels=1, iterations=60)
    assert resumed.stopped == "stalled"
    assert np.abs(picture_of(checkpoint) - resumed.picture).max() <= 0.51


@pytest.mark.slow
def test_a_checkpoint_of_another_transfer_is_refused_before_any_work(painter: Painter) -> None:
    painter()
    checkpoint = painter.checkpoints()[4]
    others: list[dict[str, Any]] = [{"iterations": 19}, {"levels": 1}, {"iterations": 0}, {"height": 80}]
    for other in others:
        content = painter.content[: other.pop("height", None)]
        with pytest.raises(UnusableCheckpoint, match="the checkpoint is of another transfer"):
            painter(checkpoint, content, **other)
        assert painter.sizes == []


# The search alone


@both_methods
def test_a_search_that_goes_on_begins_with_the_step_that_led_there(method: str) -> None:
    watched, ticks = Watched(rosenbrock), list[int]()
    start, end = vector(0.1, 0.9), vector(0.2, 0.8)
    list(
        minimize(watched.problem(), end, method, 4, previous=start, on_tick=lambda: ticks.append(len(watched.points)))
    )
    assert torch.equal(torch.stack(watched.points[:2]), torch.stack([start, end]))
    assert ticks == list(range(6))


@both_methods
def test_without_a_step_that_led_there_a_search_is_as_good_as_new(method: str) -> None:
    new, again = (
        list(minimize(problem(rosenbrock), vector(0.1, 0.9), method, 8, previous=previous))
        for previous in (None, vector(0.1, 0.9))
    )
    assert torch.equal(new[-1].point.variable, again[-1].point.variable)


def test_a_step_begins_where_the_best_before_it_was() -> None:
    steps = list(minimize(problem(rosenbrock), vector(0.1, 0.9, 0.1), "adam", 60))
    for before, after in itertools.pairwise(steps):
        lower = after.losses.total < before.losses.total
        assert torch.equal(after.previous, before.point.variable if lower else before.previous)
