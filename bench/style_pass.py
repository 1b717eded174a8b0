"""Seconds of the style pass, from a picture to five Grams: torch and ONNX Runtime, an empty and a filled Gram cache.

torch computes in float32, channels last, without gradients. With an empty cache, a style image is decoded, resized,
run through the network, and its Grams are written to the cache. With a filled one, its Grams are in the process's
memory, or in a file that another process wrote.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from bench import engine
from bench.engine import STYLE_LAYERS
from bench.measure import Stopwatch, fastest
from bench.objectives import gram_matrix
from bench.pictures import pair
from bench.plan import Plan
from bench.report import Results, ratio, seconds, table
from service.decoding import files
from service.decoding.decoded import DecodedFiles
from service.engine.canvas import to_tensor
from service.machine.memory import MIB
from service.pictures import images
from service.pictures.images import ImageFile, Picture
from service.pictures.style_image import StyleImage
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams
from service.styles.style import Style, Treatment

TITLE = "The style pass: the five Grams of one style image"
COLUMNS = ("long edge", "what", "over", "time", "time", "time ratio")
CACHE_MEMORY = 256 * MIB


def measure(plan: Plan) -> Results:
    """Return the seconds of each way, the fastest of the plan's repeats."""
    style = pair(plan.pair).style
    picture = images.resize_long_edge(style, plan.middle)
    extractor = engine.extractor()
    onnx = fastest(lambda: extractor.grams(picture, STYLE_LAYERS), plan.repeats)
    found = [_cached(files.check_image(images.encode(style)), extractor, plan.middle) for _ in range(plan.repeats)]
    empty, file, memory = (min(times) for times in zip(*found, strict=True))
    return {
        "pair": plan.pair,
        "size": plan.middle,
        "torch_s": fastest(lambda: _by_torch(picture), plan.repeats),
        "onnx_s": onnx,
        "empty_s": empty,
        "file_s": file,
        "memory_s": memory,
    }


def _by_torch(picture: Picture) -> None:
    with torch.no_grad():
        features = engine.encoder("float32")(to_tensor(picture, engine.CPU), STYLE_LAYERS)
        for layer in STYLE_LAYERS:
            gram_matrix(features[layer])


def _cached(style: ImageFile, extractor: GramExtractor, size: int) -> tuple[float, float, float]:
    """Return the seconds with an empty cache, with the Grams in a file only, and with the Grams in memory."""
    image = StyleImage(style)

    def timed(grams: StyleGrams) -> float:
        clock = Stopwatch()
        grams.targets([Style.of(image)], [size], STYLE_LAYERS, Treatment(), decoded=DecodedFiles(0))
        return clock.seconds()

    with TemporaryDirectory() as folder:
        first, second = (_new_cache(extractor, Path(folder)) for _ in range(2))
        return timed(first), timed(second), timed(second)


def _new_cache(extractor: GramExtractor, folder: Path) -> StyleGrams:
    return StyleGrams(extractor, GramCache(Blobs(folder.as_uri()), CACHE_MEMORY), engine.model().sha256)


def render(results: Results) -> str:
    """Write a table with a row for each comparison."""
    compared = [
        ("torch float32", "ONNX Runtime", "torch_s", "onnx_s"),
        ("empty cache", "Grams in memory", "empty_s", "memory_s"),
        ("empty cache", "Grams in a file", "empty_s", "file_s"),
    ]
    rows = [
        [
            f"{results['size']} px",
            slow,
            fast,
            seconds(results[a]),
            seconds(results[b]),
            ratio(results[a] / results[b]),
        ]
        for slow, fast, a, b in compared
    ]
    return table(COLUMNS, rows)
