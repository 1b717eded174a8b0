"""Seconds from the start of a transfer to its first preview, over those of the whole transfer.

The preview is the picture after the coarsest level's last iteration, encoded as JPEG; the style's Grams are computed
within the time. The model is loaded before, as in a worker.
"""

from __future__ import annotations

from bench import engine
from bench.measure import Stopwatch
from bench.pictures import Pair, pair
from bench.plan import Plan
from bench.report import Results, ratio, seconds, table
from service import images
from service.engine.options import TransferOptions
from service.engine.stylize import Progress, stylize
from service.images import Picture

TITLE = "The first preview of a transfer with default options"
COLUMNS = ("long edge", "preview's long edge", "first preview after", "whole transfer", "time ratio")


class _FirstPreview:
    """Watches a transfer until its pictures grow: the last one before is the first preview."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.picture: Picture | None = None
        self._grown = False
        self._clock = Stopwatch()

    def __call__(self, progress: Progress) -> None:
        if self._grown:
            return
        picture = progress.picture()
        self._grown = self.picture is not None and picture.shape != self.picture.shape
        if not self._grown:
            images.encode(picture, "jpeg")
            self.seconds, self.picture = self._clock.seconds(), picture


def measure(plan: Plan) -> Results:
    """Seconds of one transfer, after a short one that doesn't count."""
    options = plan.options(plan.middle)
    pictures = pair(plan.pair)
    _transfer(pictures, plan.options(plan.middle, {"iterations": 3}))
    preview, whole = _transfer(pictures, options)
    size = 0 if preview.picture is None else max(preview.picture.shape[:2])
    return {
        "pair": plan.pair,
        "size": plan.middle,
        "preview_size": size,
        "preview_s": preview.seconds,
        "whole_s": whole,
    }


def _transfer(pictures: Pair, options: TransferOptions) -> tuple[_FirstPreview, float]:
    content = images.resize_long_edge(pictures.content, options.size)
    grams_at = engine.grams_at(engine.extractor(), pictures.style, list(options.style_layers))
    preview, clock = _FirstPreview(), Stopwatch()
    stylize(engine.encoder(engine.precision()), content, grams_at, options, on_progress=preview)
    return preview, clock.seconds()


def render(results: Results) -> str:
    """One row."""
    first, whole = results["preview_s"], results["whole_s"]
    row = [
        f"{results['size']} px",
        f"{results['preview_size']} px",
        seconds(first),
        seconds(whole),
        ratio(whole / first),
    ]
    return table(COLUMNS, [row])
