"""Our engine for the measurements: on the CPU, in the precision that the service would choose there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch

from bench.objectives import plain_objective
from bench.pictures import Pair
from service.engine.allocator import keep_freed_memory
from service.engine.canvas import to_tensor
from service.engine.precision import choose
from service.engine.vgg import VGG, build_encoder
from service.network.model import Model, load_model
from service.options import TransferOptions
from service.pictures import images
from service.pictures.images import Picture
from service.styles.extractor import GramExtractor, Grams

MODEL = Path(__file__).resolve().parent.parent / "models" / "vgg19.onnx"
CPU = torch.device("cpu")
STYLE_LAYERS = tuple(f"relu{block}_1" for block in range(1, 6))


@cache
def model() -> Model:
    return load_model(MODEL)


def precision() -> str:
    """Return the precision of the service on this machine: "bfloat16" or "float32"."""
    return choose("auto", CPU)


@cache
def encoder(precision: str) -> VGG:
    """Return the encoder, in a process that keeps freed memory as a worker does."""
    keep_freed_memory()
    return build_encoder(model(), CPU, precision)


def extractor() -> GramExtractor:
    """Return a new extractor of Grams, which has no session yet."""
    return GramExtractor(model(), "cpu", torch.get_num_threads())


def grams_at(extractor: GramExtractor, style: Picture, layers: Sequence[str]) -> Callable[[int], list[Grams]]:
    """Return a function from a level's long edge in pixels to the style's Grams there."""
    return lambda size: [extractor.grams(images.resize_long_edge(style, size), layers)]


def evaluation(pictures: Pair, options: TransferOptions) -> Callable[[], None]:
    """Return one evaluation with its gradient at the content image, for pictures of the output's size."""
    content = to_tensor(pictures.content, CPU)
    grams = extractor().grams(pictures.style, list(options.style_layers))
    targets = {layer: torch.tensor(gram) for layer, gram in grams.items()}
    objective = plain_objective(encoder(precision()), content, targets, options)

    def once() -> None:
        image = content.clone().requires_grad_()
        torch.autograd.grad(objective.losses(image, image)["total"], image)

    return once
