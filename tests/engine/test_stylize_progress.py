"""Progress is reported after every iteration, and what a callback raises ends the transfer."""

from __future__ import annotations

import pytest
from engine.paintings import Run

from service.engine.stylize import Progress


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_progress_is_reported_after_every_iteration(run: Run, optimizer: str) -> None:
    reports: list[Progress] = []
    result = run(iterations=9, optimizer=optimizer, on_progress=reports.append)
    assert [report.iteration for report in reports] == list(range(1, 10))
    assert {report.iterations for report in reports} == {9}
    totals = [report.losses.total for report in reports]
    assert totals == sorted(totals, reverse=True)
    assert (result.iterations, result.stopped) == (9, "iterations")


def test_what_progress_raises_ends_the_transfer_at_once(run: Run) -> None:
    class Canceled(Exception):
        pass

    seen: list[int] = []

    def cancel(progress: Progress) -> None:
        seen.append(progress.iteration)
        if progress.iteration == 3:
            raise Canceled

    with pytest.raises(Canceled):
        run(iterations=50, on_progress=cancel)
    assert seen == [1, 2, 3]


def test_a_tick_comes_before_every_evaluation_and_what_it_raises_ends_the_transfer(run: Run) -> None:
    class Canceled(Exception):
        pass

    def tick() -> None:
        ticks.append(len(reports))
        if len(reports) == 2:
            raise Canceled

    ticks: list[int] = []
    reports: list[Progress] = []
    with pytest.raises(Canceled):
        run(iterations=50, on_progress=reports.append, on_tick=tick)
    assert ticks[0] == 0
    assert ticks.count(2) == 1
