"""Seconds from the start of a transfer to its previews: after its first iteration, and after its coarsest level.

A preview is the picture so far, encoded as JPEG. The time includes the style's Grams, but not the loading of the
model, as in a worker.
"""

from __future__ import annotations

from bench import engine
from bench.measure import Stopwatch
from bench.pictures import Pair, pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.engine.stylize import Progress, stylize
from service.network.levels import Level, plan
from service.options import TransferOptions
from service.pictures import images

TITLE = "Previews of a transfer with default options"
COLUMNS = ("long edge", "after the first iteration", "after the coarsest level", "its long edge", "whole transfer")


class _Previews:
    """A listener that takes the picture after the first iteration and after the coarsest level's last."""

    def __init__(self, coarsest: Level) -> None:
        self.seconds: list[float] = []
        self._wanted = (1, coarsest.iterations)
        self._clock = Stopwatch()

    def __call__(self, progress: Progress) -> None:
        if progress.iteration in self._wanted:
            images.encode(progress.picture(), "jpeg")
            self.seconds.append(self._clock.seconds())


def measure(plan: Plan) -> Results:
    """Return the seconds of one transfer, after a short one that doesn't count."""
    pictures = pair(plan.pair).at(plan.middle)
    _transfer(pictures, plan.options(plan.middle, {"iterations": 3}))
    return {"pair": plan.pair, "size": plan.middle} | _transfer(pictures, plan.options(plan.middle))


def _transfer(pictures: Pair, options: TransferOptions) -> Results:
    height, width = pictures.content.shape[:2]
    coarsest = plan(width, height, options.levels, options.iterations)[0]
    grams_at = engine.grams_at(engine.extractor(), pictures.style, list(options.style_layers))
    previews, clock = _Previews(coarsest), Stopwatch()
    stylize(engine.encoder(engine.precision()), pictures.content, grams_at, options, on_progress=previews)
    first, last = previews.seconds[0], previews.seconds[-1]
    return {"first_s": first, "coarsest_s": last, "coarsest_size": coarsest.size, "whole_s": clock.seconds()}


def render(results: Results) -> str:
    """Write a table of one row."""
    first, coarsest, whole = (seconds(results[name]) for name in ("first_s", "coarsest_s", "whole_s"))
    return table(COLUMNS, [[f"{results['size']} px", first, coarsest, f"{results['coarsest_size']} px", whole]])
