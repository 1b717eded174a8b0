"""One transfer from beginning to end: where the styles' Grams and the engine meet."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from service import __version__
from service.decoding import files
from service.engine.allocator import keep_freed_memory, keep_large_images_apart
from service.engine.checkpoint import Checkpoint
from service.engine.guidance import Guidance
from service.engine.precision import choose
from service.engine.stage import Memo, Score
from service.engine.stylize import Progress, Result, score, stylize
from service.engine.vgg import VGG, build_encoder
from service.errors import JobFailed, Unavailable
from service.machine.memory import max_whole_pixels
from service.network.model import load_model
from service.options import TransferOptions
from service.pictures import colour, images
from service.pictures.cutout import visible_strength
from service.pictures.images import Alpha, Mask, Picture
from service.pictures.sizes import levels_that_fit
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import Style, StyleGrams, Tally, Treatment


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

    Attributes:
        first: the given first image, for the init "image".
        protect: where the content stays: 1.
        strength_map: by what the style's weight is multiplied, place by place.
        alpha: how much there is to see of the content; the style counts as much less where that is less.
        resume: where another worker left the transfer.
        memo: what transfers of one content image share.
    """

    content: Picture
    styles: Sequence[Style]
    options: TransferOptions
    first: Picture | None = None
    protect: Mask | None = None
    strength_map: Mask | None = None
    alpha: Alpha | None = None
    resume: Checkpoint | None = None
    memo: Memo | None = None


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
        memory: bytes that the process may take; what would need more goes tile by tile.

    Raises:
        Unavailable: there is no usable model, or "cuda" was asked for and isn't there.
    """

    def __init__(
        self,
        model_file: Path,
        blobs: Blobs,
        *,
        device: str,
        precision: str,
        threads: int,
        gram_memory: int,
        memory: int | None = None,
    ) -> None:
        torch.set_num_threads(threads)
        keep_freed_memory()
        model = load_model(model_file)
        extractor = GramExtractor(model, device, threads)
        chosen = _device(device)
        precision = choose(precision, torch.device(chosen))
        self._encoder = build_encoder(model, torch.device(chosen), precision)
        self._whole = sys.maxsize if memory is None or chosen != "cpu" else max_whole_pixels(memory, precision)
        self._grams = StyleGrams(extractor, GramCache(blobs, gram_memory), model.sha256)
        self.info = EngineInfo(model.sha256, model.weights, chosen, precision, extractor.provider, __version__)

    def transfer(
        self, order: Order, on_progress: Callable[[Progress], None], on_tick: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Carries out an order. `on_tick` is called at every step between two of which it can't be stopped.

        Raises Diverged, UnreadableImage, StorageError, and whatever `on_progress` or `on_tick` raise to end it early.
        """
        begun = time.monotonic()
        setting = _Setting(self._grams, self._encoder, order, on_tick)
        keep_large_images_apart(setting.content.shape[0] * setting.content.shape[1] > self._whole)
        on_tick()
        first = order.first
        if order.options.init == "style":
            content = setting.content
            heaviest = _heaviest(order.styles, on_tick)
            first = setting.treatment.apply(images.cover(heaviest, content.shape[1], content.shape[0]))
            on_tick()
        result = stylize(
            self._encoder,
            setting.content,
            setting.grams_at,
            setting.options,
            guidance=setting.guidance,
            first=first,
            whole=self._whole,
            memo=order.memo,
            resume=order.resume,
            on_progress=on_progress,
            on_tick=on_tick,
        )
        took = time.monotonic() - begun
        return Outcome(result, setting.tally.cache, setting.seconds, took - setting.seconds)

    def score(self, order: Order, picture: Picture, on_tick: Callable[[], None] = lambda: None) -> Score:
        """The losses of any picture against an order's content and styles, brought to the content's size.

        Raises as `transfer`.
        """
        setting = _Setting(self._grams, self._encoder, order, on_tick)
        height, width = setting.content.shape[:2]
        return score(
            self._encoder,
            setting.content,
            images.resize(picture, width, height),
            setting.grams_at(max(width, height)),
            setting.options,
            guidance=setting.guidance,
            whole=self._whole,
            on_tick=on_tick,
        )

    def grams(self, styles: Sequence[Style], size: int, on_tick: Callable[[], None] = lambda: None) -> Grams:
        """The Grams of the default layers that a transfer of `size` pixels in these styles would aim at."""
        return self._grams.targets(styles, size, list(TransferOptions().style_layers), Treatment(), on_tick).grams


class _Setting:
    """An order, made ready: the content image in its size, where which styles go, and their Grams at each size."""

    def __init__(self, grams: StyleGrams, encoder: VGG, order: Order, on_tick: Callable[[], None]) -> None:
        self._grams = grams
        self._encoder = encoder
        self._on_tick = on_tick
        self._regions = _regions(order.styles)
        self._found: dict[int, list[Grams]] = {}
        options = order.options
        sizes = [(image, image.scale) for style in order.styles for image in style.images]
        self.content = images.resize_long_edge(order.content, options.size)
        self.options = replace(options, levels=levels_that_fit(sizes, options.size, options.levels))
        self.treatment = _treatment(options.color, self.content)
        strength = visible_strength(order.strength_map, order.alpha)
        self.guidance = Guidance(_region_masks(self._regions, self.content, on_tick), order.protect, strength)
        self.tally = Tally()
        self.seconds = 0.0

    def grams_at(self, size: int) -> list[Grams]:
        """Of each region, for an output of `size` pixels on its long edge."""
        if size not in self._found:
            begun = time.monotonic()
            self._found[size] = [self._targets(styles, size) for styles in self._regions.values()]
            self.seconds += time.monotonic() - begun
        return self._found[size]

    def _targets(self, styles: Sequence[Style], size: int) -> Grams:
        layers = list(self.options.style_layers)
        targets = self._grams.targets(styles, size, layers, self.treatment, self._on_tick)
        self.tally.images += targets.tally.images
        self.tally.hits += targets.tally.hits
        for layer, gram in targets.grams.items():
            if len(gram) != self._encoder.channels(layer):
                raise JobFailed(f"a style's Gram matrix of {layer} has {len(gram)} channels, unlike the model's")
        return targets.grams


def _regions(styles: Sequence[Style]) -> dict[str, list[Style]]:
    """The styles by their mask's digest, which is empty for those without."""
    regions: dict[str, list[Style]] = {}
    for style in styles:
        regions.setdefault(style.mask.sha256 if style.mask else "", []).append(style)
    return regions


def _region_masks(
    regions: Mapping[str, Sequence[Style]], content: Picture, on_tick: Callable[[], None]
) -> tuple[Mask | None, ...]:
    """Where each region is; styles without a mask go where the masks of the others leave room, if there are any."""
    height, width = content.shape[:2]
    masks: dict[str, Mask | None] = {}
    for name, (style, *_) in regions.items():
        if style.mask is not None:
            masks[name] = images.resize_mask(files.decode_mask(style.mask.read(), on_tick), width, height)
            on_tick()
    given = [mask for mask in masks.values() if mask is not None]
    masks[""] = np.clip(1 - np.sum(given, axis=0), 0, 1).astype(np.float32) if given else None
    return tuple(masks[name] for name in regions)


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


def _heaviest(styles: Sequence[Style], on_tick: Callable[[], None]) -> Picture:
    """The picture of the heaviest image of the heaviest style."""
    style = max((style for style in styles if style.images), key=lambda style: style.weight)
    return files.decode(max(style.images, key=lambda image: image.weight).file.read(), on_tick)
