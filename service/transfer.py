"""One transfer from beginning to end: where the styles' Grams and the engine meet."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from service import __version__, colour, images
from service.engine.options import TransferOptions
from service.engine.stylize import Progress, Result, stylize
from service.engine.vgg import build_encoder
from service.errors import Unavailable
from service.images import Picture
from service.model import load_model
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams, StyleImage, Treatment

PRECISION = "float32"


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
    """A transfer's pictures and options. `first` is the given first image, for the init "image"."""

    content: Picture
    styles: Sequence[StyleImage]
    options: TransferOptions
    first: Picture | None = None


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
        threads: CPU threads, shared in turn by ONNX Runtime and torch.
        blobs: where Grams are kept beyond this process.
        gram_memory: bytes of Grams kept in this process.

    Raises:
        Unavailable: there is no usable model, or "cuda" was asked for and isn't there.
    """

    def __init__(self, model_file: Path, device: str, threads: int, blobs: Blobs, gram_memory: int) -> None:
        torch.set_num_threads(threads)
        model = load_model(model_file)
        extractor = GramExtractor(model, device, threads)
        chosen = _device(device)
        self._encoder = build_encoder(model, torch.device(chosen))
        self._grams = StyleGrams(extractor, GramCache(blobs, gram_memory), model.sha256)
        self.info = EngineInfo(model.sha256, model.weights, chosen, PRECISION, extractor.provider, __version__)

    def transfer(
        self, order: Order, on_progress: Callable[[Progress], None], on_tick: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Carries out an order. `on_tick` is called at every step between two of which it can't be stopped.

        Raises Diverged, UnreadableImage, StorageError, and whatever `on_progress` or `on_tick` raise to end it early.
        """
        options, begun = order.options, time.monotonic()
        content = images.resize_long_edge(order.content, options.size)
        treatment = _treatment(options.color, content)
        targets = self._grams.targets(order.styles, options.size, list(options.style_layers), treatment, on_tick)
        styled = time.monotonic()
        first = treatment.apply(_heaviest(order.styles)) if options.init == "style" else order.first
        result = stylize(
            self._encoder, content, targets.grams, options, first=first, on_progress=on_progress, on_tick=on_tick
        )
        return Outcome(result, targets.cache, styled - begun, time.monotonic() - styled)


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unavailable("NST_DEVICE is cuda, but torch finds no CUDA device")
    torch.backends.cudnn.allow_tf32 = False  # `precision` says float32
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
