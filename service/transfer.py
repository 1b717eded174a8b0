"""One transfer from beginning to end: where the styles' Grams and the engine meet."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from service import __version__, colour, images
from service.engine.checkpoint import Checkpoint
from service.engine.heap import keep_freed_memory
from service.engine.options import TransferOptions
from service.engine.precision import choose
from service.engine.stylize import Progress, Result, stylize
from service.engine.vgg import build_encoder
from service.errors import Unavailable
from service.images import Picture
from service.model import load_model
from service.sizes import levels_that_fit
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleGrams, StyleImage, Targets, Treatment


@dataclass(frozen=True)
class EngineInfo:
    """What a transfer ran on; the API's `engine`."""

    model: str
    weights: str
    device: str
    precision: str
    style_provider: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Order:
    """A transfer's pictures and options.

    `first` is the given first image, for the init "image"; `resume` is where another worker left the transfer.
    """

    content: Picture
    styles: Sequence[StyleImage]
    options: TransferOptions
    first: Picture | None = None
    resume: Checkpoint | None = None


@dataclass(frozen=True)
class Outcome:
    """The engine's result; how the Gram cache answered; seconds for the style Grams and for the rest."""

    result: Result
    style_cache: str
    style_s: float
    optimize_s: float


class Stylist:
    """Carries out transfers with one model on one device.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "auto", "float32" or "bfloat16", for optimising; style Grams and delivered losses are float32's.
        threads: CPU threads, shared in turn by ONNX Runtime and torch.
        blobs: where Grams are kept beyond this process.
        gram_memory: bytes of Grams kept in this process.

    Raises:
        Unavailable: there is no usable model, or "cuda" was asked for and isn't there.
    """

    def __init__(
        self, model_file: Path, blobs: Blobs, *, device: str, precision: str, threads: int, gram_memory: int
    ) -> None:
        torch.set_num_threads(threads)
        keep_freed_memory()
        model = load_model(model_file)
        extractor = GramExtractor(model, device, threads)
        chosen = _device(device)
        precision = choose(precision, torch.device(chosen))
        self._encoder = build_encoder(model, torch.device(chosen), precision)
        self._grams = StyleGrams(extractor, GramCache(blobs, gram_memory), model.sha256)
        self.info = EngineInfo(model.sha256, model.weights, chosen, precision, extractor.provider, __version__)

    def transfer(
        self, order: Order, on_progress: Callable[[Progress], None], on_tick: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Carries out an order. `on_tick` is called at every step between two of which it can't be stopped.

        Raises Diverged, UnreadableImage, StorageError, and whatever `on_progress` or `on_tick` raise to end it early.
        """
        options, begun = order.options, time.monotonic()
        content = images.resize_long_edge(order.content, options.size)
        sizes = [(style, style.scale) for style in order.styles]
        options = replace(options, levels=levels_that_fit(sizes, options.size, options.levels))
        treatment = _treatment(options.color, content)
        grams = _LevelGrams(self._grams, order, treatment, on_tick)
        first = treatment.apply(_heaviest(order.styles)) if options.init == "style" else order.first
        result = stylize(
            self._encoder,
            content,
            grams,
            options,
            first=first,
            resume=order.resume,
            on_progress=on_progress,
            on_tick=on_tick,
        )
        return Outcome(result, grams.cache, grams.seconds, time.monotonic() - begun - grams.seconds)


class _LevelGrams:
    """The Gram targets of a transfer at each of its levels' sizes, and what they took to get."""

    def __init__(self, grams: StyleGrams, order: Order, treatment: Treatment, on_tick: Callable[[], None]) -> None:
        self._find = partial(
            grams.targets, order.styles, layers=list(order.options.style_layers), treatment=treatment, on_tick=on_tick
        )
        self._found: dict[int, Targets] = {}
        self.seconds = 0.0

    def __call__(self, size: int) -> Grams:
        if size not in self._found:
            begun = time.monotonic()
            self._found[size] = self._find(size)
            self.seconds += time.monotonic() - begun
        return self._found[size].grams

    @property
    def cache(self) -> str:
        """As the API's `style_cache`, over all levels."""
        answers = {targets.cache for targets in self._found.values()}
        return answers.pop() if len(answers) == 1 else "partial"


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unavailable("NST_DEVICE is cuda, but torch finds no CUDA device")
    torch.backends.cudnn.allow_tf32 = False  # `precision` says float32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # Grams are sums over millions
    torch.backends.cudnn.deterministic = True  # the same seed gives the same bytes
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def _treatment(color: str, content: Picture) -> Treatment:
    if color == "luminance":
        return Treatment("grey", colour.grey)
    if color == "match":
        mean, covariance = colour.moments(content)
        name = hashlib.sha256(mean.tobytes() + covariance.tobytes()).hexdigest()
        return Treatment(f"match:{name}", lambda picture: colour.match(picture, mean, covariance))
    return Treatment()


def _heaviest(styles: Sequence[StyleImage]) -> Picture:
    return images.decode(max(styles, key=lambda style: style.weight).read())
