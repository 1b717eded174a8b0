"""Cost by size: seconds of an evaluation, whole and for a megapixel, and bytes of a whole job at its peak.

An evaluation is the objective with its gradient at the finest level; the fastest of a few counts. A job's peak is
that of a process that does a worker's work, with all levels and the Grams of one style image. Its memory limit is the
need that service.machine.memory computes, which the table shows beside the peak. GB are 10^9 bytes.
"""

from __future__ import annotations

import torch

from bench import engine
from bench.measure import alone, fastest, peak_memory
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.decoding import files
from service.machine.memory import MIB, needed
from service.options import TransferOptions
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.images import Picture
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.styles.style import Style

TITLE = "Cost against size"
COLUMNS = (
    "long edge",
    "megapixels",
    "precision",
    "evaluation",
    "for a megapixel",
    "peak memory",
    "needed()",
    "peak / needed()",
)
REPEATS = 3
LARGE = 2048  # pixels: from here on an evaluation is timed once
JOB_ITERATIONS = 36  # of which the finest of three levels gets 8, as many as L-BFGS remembers
GRAM_MEMORY = 256 * MIB


def measure(plan: Plan) -> Results:
    """Return seconds and bytes by size; each size is measured in a process of its own."""
    costs = {size: alone(evaluation_seconds, plan, size) for size in plan.cost_sizes}
    peaks = {size: alone(job_peak, plan, size) for size in plan.memory_sizes}
    rows = [_row(plan, size, costs.get(size), peaks.get(size)) for size in sorted({*costs, *peaks})]
    return {"pair": plan.pair, "precision": engine.precision(), "rows": rows}


def evaluation_seconds(plan: Plan, size: int) -> float:
    """Return the seconds of one evaluation with its gradient."""
    once = engine.evaluation(pair(plan.pair).at(size), plan.options(size))
    return fastest(once, 1 if size >= LARGE else REPEATS)


def job_peak(plan: Plan, size: int) -> int:
    """Return the bytes of this process at the peak of one job."""
    pictures = pair(plan.pair)
    style = files.check_image(images.encode(pictures.style))
    settings = {"threads": torch.get_num_threads(), "gram_memory": GRAM_MEMORY, "memory": _needed(plan, size)}
    stylist = Stylist(engine.MODEL, Blobs("memory:///"), device="cpu", precision="auto", **settings)
    image = StyleImage(style)
    options: TransferOptions = plan.options(size, {"iterations": JOB_ITERATIONS, "tolerance": 0.0})
    stylist.transfer(Order(pictures.content, [Style.of(image)], options), lambda progress: None)
    return peak_memory()


def _needed(plan: Plan, size: int) -> int:
    width, height = _fitted(pair(plan.pair).content, size)
    return needed(width, height, [_fitted(pair(plan.pair).style, size)], engine.precision())


def _fitted(picture: Picture, size: int) -> tuple[int, int]:
    return images.fitted_size(picture.shape[1], picture.shape[0], size)


def _row(plan: Plan, size: int, cost: float | None, peak: int | None) -> Results:
    width, height = _fitted(pair(plan.pair).content, size)
    return {
        "size": size,
        "megapixels": width * height / 1e6,
        "evaluation_s": cost,
        "peak_bytes": peak,
        "needed_bytes": _needed(plan, size),
    }


def render(results: Results) -> str:
    """Write a table with a row for each size."""
    return table(COLUMNS, [_cells(row, results["precision"]) for row in results["rows"]])


def _cells(row: Results, precision: str) -> list[str]:
    cost, peak, need = row["evaluation_s"], row["peak_bytes"], row["needed_bytes"]
    return [
        f"{row['size']} px",
        f"{row['megapixels']:.3f}",
        precision,
        seconds(cost) if cost else "",
        seconds(cost / row["megapixels"]) if cost else "",
        f"{peak / 1e9:.2f} GB" if peak else "",
        f"{need / 1e9:.2f} GB",
        f"{peak / need:.2f}" if peak else "",
    ]
