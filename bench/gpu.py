"""Seconds on a CUDA device: an evaluation, launched kernel by kernel or replayed as a graph, and a transfer.

    python -m bench.gpu

An evaluation is the objective with its gradient at the finest level, in the precision that the service would choose
there. The first transfer of a size computes the style's Gram matrices, a later one finds them cached. It prints a
table and writes gpu.json beside itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import onnxruntime as ort
import torch

from bench import engine
from bench.measure import Stopwatch
from bench.objectives import plain_objective
from bench.pictures import Pair, pair
from bench.report import Results, seconds, table
from service.engine.canvas import to_tensor
from service.engine.evaluation import CudaGraphs, Recorded
from service.engine.precision import choose
from service.engine.problem import value_and_gradient
from service.engine.stylize import stylize
from service.engine.vgg import VGG, build_encoder
from service.options import TransferOptions
from service.styles.extractor import GramExtractor

SIZES = (256, 512, 1024, 2048)
EVALUATIONS = 50
COLUMNS = ("long edge", "evaluation", "as a graph", "time ratio", "first transfer", "later one", "peak GPU memory")


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("bench.gpu: torch finds no CUDA device")
    device = torch.device("cuda")
    encoder = build_encoder(engine.model(), device, choose("auto", device))
    provider = "cuda" if "CUDAExecutionProvider" in ort.get_available_providers() else "cpu"
    extractor = GramExtractor(engine.model(), provider, torch.get_num_threads())
    rows = [measure(encoder, extractor, pair("coffee").at(size), size) for size in SIZES]
    facts = {"device": torch.cuda.get_device_name(), "precision": encoder.precision, "torch": torch.__version__}
    Path(__file__).with_suffix(".json").write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    print(f"{facts}, style Grams by {extractor.provider}\n\n{table(COLUMNS, [cells(row) for row in rows])}")


def measure(encoder: VGG, extractor: GramExtractor, pictures: Pair, size: int) -> Results:
    """Return seconds and bytes at one size."""
    torch.cuda.reset_peak_memory_stats()
    options = TransferOptions(size=size)
    grams_at = cache(engine.grams_at(extractor, pictures.style, list(options.style_layers)))
    content = to_tensor(pictures.content, encoder.device)
    targets = {layer: torch.tensor(gram, device=encoder.device) for layer, gram in grams_at(size)[0].items()}
    objective = plain_objective(encoder, content, targets, options)
    evaluation = value_and_gradient(lambda image: objective.losses(image, image), 1.0)
    row: Results = {"size": size, "eager_s": each(lambda: evaluation(content))}
    recorded = Recorded(evaluation, CudaGraphs())
    row["graph_s"] = each(lambda: recorded(content))
    grams_at.cache_clear()
    for name in ("first_s", "later_s"):
        row[name] = synchronised(lambda: stylize(encoder, pictures.content, grams_at, options))
    return row | {"peak_bytes": torch.cuda.max_memory_allocated()}


def each(function: Callable[[], object]) -> float:
    """Return the seconds of one call among many, after three that don't count."""
    for _ in range(3):
        function()
    return synchronised(lambda: [function() for _ in range(EVALUATIONS)]) / EVALUATIONS


def synchronised(function: Callable[[], object]) -> float:
    """Return the seconds until the device has finished the work of a function."""
    torch.cuda.synchronize()
    clock = Stopwatch()
    function()
    torch.cuda.synchronize()
    return clock.seconds()


def cells(row: Results) -> list[str]:
    ratio = f"{row['eager_s'] / row['graph_s']:.2f}"
    eager, graph, first, later = (seconds(row[name]) for name in ("eager_s", "graph_s", "first_s", "later_s"))
    return [f"{row['size']} px", eager, graph, ratio, first, later, f"{row['peak_bytes'] / 1e9:.2f} GB"]


if __name__ == "__main__":
    main()
