"""Evaluations by tiles against whole ones: distance of the gradients, seconds and memory.

The gradients are compared in float32, at the content image with noise. Peaks are those of a process that carries
out a short transfer of one level, with a memory limit under which only tiles fit. GB are 10^9 bytes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench import engine
from bench.measure import alone, fastest, peak_memory
from bench.objectives import plain_objective
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, seconds, table
from service.decoding import files
from service.engine.canvas import to_tensor
from service.engine.losses import Objective
from service.engine.stage import TILE
from service.engine.tiled import TiledObjective
from service.machine.memory import MIB, needed
from service.painting.order import Order
from service.painting.stylist import Stylist
from service.pictures import images
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.styles.style import Style

TITLE = "Tile by tile"
COLUMNS = ("long edge", "evaluation, whole", "by tiles", "times", "gradients apart", "peak by tiles", "needed()")
LIMIT = 1500 * MIB  # bytes, of which a worker without a job takes half
JOB_ITERATIONS = 5  # enough for all that L-BFGS remembers of a large image
WHOLE_UP_TO = 2048  # pixels
NOISE = 0.1


def measure(plan: Plan) -> Results:
    """Return seconds, relative distances and bytes by size; each size is measured in a process of its own."""
    rows = []
    for size in plan.tile_sizes:
        compared = alone(comparison, plan, size) if size <= WHOLE_UP_TO else {}
        picture = pair(plan.pair).content
        width, height = images.fitted_size(picture.shape[1], picture.shape[0], size)
        row = {"size": size, "peak_bytes": alone(job_peak, plan, size)}
        row["needed_bytes"] = needed(width, height, [], engine.precision())
        rows.append(row | compared)
    return {"pair": plan.pair, "precision": engine.precision(), "rows": rows}


def comparison(plan: Plan, size: int) -> Results:
    """Compare an evaluation with its gradient, whole and by tiles: seconds in our precision, distance in float32."""
    found: Results = {}
    for precision in dict.fromkeys((engine.precision(), "float32")):
        whole, tiled, image = objectives(plan, size, precision)
        if precision == engine.precision():
            found["whole_s"] = fastest(lambda: gradient(whole, image), 1)  # noqa: B023 - called at once
            found["tiled_s"] = fastest(lambda: gradient(tiled, image), 1)  # noqa: B023
        expected = gradient(whole, image)
        found["apart"] = float((gradient(tiled, image) - expected).norm() / expected.norm())
    return found


def objectives(plan: Plan, size: int, precision: str) -> tuple[Objective, Objective, Tensor]:
    """Return one objective in two forms, whole and by tiles, and an image at which both can be evaluated."""
    pictures, options = pair(plan.pair).at(size), plan.options(size)
    content = to_tensor(pictures.content, engine.CPU)
    [grams] = engine.grams_at(engine.extractor(), pictures.style, list(options.style_layers))(size)
    whole = plain_objective(
        engine.encoder(precision), content, {layer: torch.tensor(gram) for layer, gram in grams.items()}, options
    )
    side = min(TILE, max(size // 2, 1))
    tiled = TiledObjective(whole.encoder, whole.content, whole.styles, options, side=side, on_tick=lambda: None)
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(0))
    return whole, tiled, (content + NOISE * noise).clamp(0, 1)


def gradient(objective: Objective, image: Tensor) -> Tensor:
    """Return the gradient of the total loss with respect to the image, in the image's shape."""
    leaf = image.clone().requires_grad_()
    (found,) = torch.autograd.grad(objective.losses(leaf, leaf)["total"], leaf)
    return found


def job_peak(plan: Plan, size: int) -> int:
    """Return the bytes of this process at the peak of one job by tiles."""
    pictures = pair(plan.pair)
    style = files.check_image(images.encode(pictures.style))
    settings: dict[str, Any] = {"threads": torch.get_num_threads(), "gram_memory": 256 * MIB, "memory": LIMIT}
    stylist = Stylist(engine.MODEL, Blobs("memory:///"), device="cpu", precision="auto", **settings)
    image = StyleImage(style)
    options = plan.options(size, {"iterations": JOB_ITERATIONS, "tolerance": 0.0, "levels": 1})
    stylist.transfer(Order(pictures.content, [Style.of(image)], options), lambda progress: None)
    return peak_memory()


def render(results: Results) -> str:
    """Write a table with a row for each size."""
    return table(COLUMNS, [_cells(row) for row in results["rows"]])


def _cells(row: Results) -> list[str]:
    compared = ["", "", "", ""]
    if "whole_s" in row:
        times = f"{row['tiled_s'] / row['whole_s']:.2f}"
        compared = [seconds(row["whole_s"]), seconds(row["tiled_s"]), times, f"{row['apart']:.1e}"]
    memory = [f"{row[name] / 1e9:.2f} GB" for name in ("peak_bytes", "needed_bytes")]
    return [f"{row['size']} px", *compared, *memory]
