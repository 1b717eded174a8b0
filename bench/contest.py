"""The judgement of runs: losses and curves of several contestants over one pair of pictures."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from bench.judge import Judge
from bench.peers import Run
from bench.report import Results, seconds
from service.pictures import images
from service.pictures.images import Picture

CURVE_POINTS = 24  # pictures of a run that are judged for the plot


def entry(run: Run, judge: Judge) -> Results:
    """Return the seconds that a run took, and the losses of the picture that it delivered."""
    taken, picture = run[-1]
    return {"seconds": taken} | asdict(judge(picture))


def curve(run: Run, judge: Judge) -> list[tuple[float, float]]:
    """Return pairs of seconds and the objective of the picture at that time; they are denser at the beginning."""
    last = len(run) - 1
    chosen = np.unique(np.geomspace(1, last + 1, CURVE_POINTS).round().astype(int)) - 1
    height, width = run[-1][1].shape[:2]
    return [(run[i][0], judge(_enlarged(run[i][1], width, height)).objective) for i in chosen]


def _enlarged(picture: Picture, width: int, height: int) -> Picture:
    return images.resize(picture, width, height)


def met(ours: Results, theirs: Results, style: str = "style") -> bool:
    """Return whether both of our losses are at or below theirs; `style` names the form of the style loss."""
    return all(ours[loss] <= theirs[loss] for loss in ("content", style))


def cell(result: Results, style: str = "style") -> str:
    """Write a table's cell: seconds (content loss, style loss)."""
    return f"{seconds(result['seconds'])} ({result['content']:.3f}, {result[style]:.4g})"
