"""Transfers with one model on one device. Python programs begin here too."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from service import __version__
from service.config import Settings
from service.decoding.decoded import DecodedFiles
from service.engine.allocator import keep_freed_memory, keep_large_images_apart, limit_kept_kernels
from service.engine.precision import choose
from service.engine.stage import Score
from service.engine.stylize import Progress, score, stylize
from service.engine.vgg import VGG, build_encoder
from service.errors import Unavailable
from service.machine.memory import max_whole_pixels
from service.network.model import load_model
from service.options import TransferOptions
from service.painters.sessions import PAINTER_MEMORY, Painters
from service.painting.order import Order
from service.painting.outcome import Outcome
from service.painting.prepared_order import PreparedOrder
from service.painting.sources import Source, make_order, read, style_of
from service.pictures import images
from service.pictures.images import Picture
from service.storage.blobs import Blobs
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import GramWatcher, StyleGrams
from service.styles.style import Style, Treatment

GPU_SHARE = 0.8  # of a GPU's memory, for a picture in one piece: one of 2048 px took 1.03 times what the formula says


@dataclass(frozen=True)
class EngineInfo:
    """Model, device and program that transfers run with; the API's `engine`."""

    model: str
    weights: str
    device: str
    precision: str
    style_provider: str
    version: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Stylist:
    """Model, painters and Gram cache on one device, which carry out transfers.

    Args:
        device: "auto", "cpu" or "cuda".
        precision: "auto", "float32" or "bfloat16", of the optimisation; style Grams and delivered losses are always
            computed in float32.
        threads: CPU threads, which ONNX Runtime and torch use in turn.
        blobs: where Grams are kept beyond this process.
        gram_memory: bytes of Grams kept in this process.
        painter_memory: bytes of painters that stay ready.
        memory: bytes that the process may take on the CPU; images that would need more are computed tile by tile, as
            those are that would need more than four fifths of the GPU.

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
        painter_memory: int = PAINTER_MEMORY,
        memory: int | None = None,
    ) -> None:
        torch.set_num_threads(threads)
        limit_kept_kernels()
        keep_freed_memory()
        model = load_model(model_file)
        extractor = GramExtractor(model, device, threads)
        chosen = _device(device)
        precision = choose(precision, torch.device(chosen))
        self._encoder = build_encoder(model, torch.device(chosen), precision)
        self._max_whole_pixels = _whole_pixels(chosen, memory, precision)
        self._grams = StyleGrams(extractor, GramCache(blobs, gram_memory), model.sha256)
        self.painters = Painters(threads, painter_memory)
        self.info = EngineInfo(model.sha256, model.weights, chosen, precision, extractor.provider, __version__)

    @property
    def encoder(self) -> VGG:
        """The network that compares pictures."""
        return self._encoder

    def watched(self, watcher: GramWatcher) -> AbstractContextManager[None]:
        """Tell `watcher` of all Grams that are needed meanwhile."""
        return self._grams.watched(watcher)

    @property
    def cached(self) -> int:
        """The bytes that are kept on purpose from one transfer to the next: Grams, packs and painters."""
        return self._grams.memory + self.painters.memory

    def forget_grams(self) -> None:
        """Forget the Grams that are kept in memory."""
        self._grams.forget()

    @staticmethod
    def give_back_memory() -> None:
        """Give the GPU's freed memory back, which torch keeps and other processes may need."""
        torch.cuda.empty_cache()

    @classmethod
    def from_settings(cls, settings: Settings, blobs: Blobs | None = None) -> Stylist:
        """Build a stylist from the settings (NST_…).

        With `blobs`, Grams are kept there and in memory; without, nothing outlives a transfer.

        Raises:
            Unavailable: there is no usable model, or NST_DEVICE is "cuda" and there is no CUDA device.
        """
        return cls(
            settings.model,
            blobs or Blobs("memory:///"),
            device=settings.device,
            precision=settings.precision,
            threads=settings.cpu_threads,
            gram_memory=settings.gram_memory if blobs else 0,
            painter_memory=settings.painter_memory,
            memory=settings.job_memory,
        )

    def transfer(
        self,
        order: Order,
        on_progress: Callable[[Progress], None],
        on_tick: Callable[[], None] = lambda: None,
        on_evaluated: Callable[[int], None] = lambda pixels: None,
    ) -> Outcome:
        """Carry out an order. `on_tick` is called before every step that can't be stopped while it runs.

        `on_evaluated` is called after every evaluation, and before every pass of a painter, with its pixels.

        Raises:
            Diverged, UnreadableImage, StorageError: the transfer can't be completed.
            Exception: whatever `on_progress` or `on_tick` raise to end it early.
        """
        begun = time.monotonic()
        prepared = PreparedOrder(self._grams, self._encoder, self.painters, order, on_tick)
        height, width = prepared.content.shape[:2]
        keep_large_images_apart(width * height > self._max_whole_pixels)
        on_tick()
        result = stylize(
            self._encoder,
            prepared.content,
            prepared.grams_at,
            prepared.options,
            guidance=prepared.guidance,
            initial_image=prepared.initial_image(on_evaluated),
            max_whole_pixels=self._max_whole_pixels,
            memo=order.memo,
            resume=order.resume,
            on_progress=on_progress,
            on_tick=on_tick,
            on_evaluated=on_evaluated,
        )
        took = time.monotonic() - begun
        optimize_s = took - prepared.seconds
        return Outcome(result, prepared.tally.cache, prepared.seconds, optimize_s, order.options, order.alpha)

    def paint(
        self,
        content: Source,
        *styles: Source,
        initial_image: Source | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        **options: Any,
    ) -> Outcome:
        """Paint a picture in the average of some styles. Pictures are paths of files, or H x W x 3 uint8 sRGB.

        `options` have the API's names and ranges (`service.options`), except `format`: the outcome's `save` takes it
        from its path. With an initial image, `init` is "image".

        Raises:
            InvalidInput: an option or a picture can't be used; it names the field.
            Diverged: the transfer can't be completed.
        """
        initial = None if initial_image is None else read("initial_image", initial_image)
        given = TransferOptions.of(**options | ({} if initial is None else {"init": "image"}))
        order = make_order(read("content", content), [style_of(style) for style in styles], given, initial)
        return self.transfer(order, on_progress)

    def score(
        self,
        order: Order,
        picture: Picture,
        on_tick: Callable[[], None] = lambda: None,
        on_evaluated: Callable[[int], None] = lambda pixels: None,
    ) -> Score:
        """Return the losses of any picture against an order's content and styles; it is resized to the content.

        The functions are called as those of `transfer`.

        Raises the errors that `transfer` raises.
        """
        prepared = PreparedOrder(self._grams, self._encoder, self.painters, order, on_tick)
        height, width = prepared.content.shape[:2]
        return score(
            self._encoder,
            prepared.content,
            images.resize(picture, width, height),
            prepared.grams_at(max(width, height)),
            prepared.options,
            guidance=prepared.guidance,
            max_whole_pixels=self._max_whole_pixels,
            on_tick=on_tick,
            on_evaluated=on_evaluated,
        )

    def grams(
        self, styles: Sequence[Style], sizes: Sequence[int], on_tick: Callable[[], None] = lambda: None
    ) -> dict[int, Grams]:
        """Return the Grams of the default layers that transfers of `sizes` pixels in these styles would aim at."""
        layers = list(TransferOptions().style_layers)
        once = DecodedFiles(0)
        return self._grams.targets(styles, sizes, layers, Treatment(), decoded=once, on_tick=on_tick).grams


def _whole_pixels(device: str, memory: int | None, precision: str) -> int:
    """Return the pixels of the largest output that is computed in one piece."""
    if device == "cuda":
        memory = int(GPU_SHARE * torch.cuda.mem_get_info()[1])
    return sys.maxsize if memory is None else max_whole_pixels(memory, precision)


def _device(wanted: str) -> str:
    """Return "cpu" or "cuda", and have torch compute there exactly and reproducibly."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unavailable("NST_DEVICE is cuda, but torch finds no CUDA device")
    torch.backends.cudnn.allow_tf32 = False  # `precision` says float32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False  # Grams are sums over millions
    torch.backends.cudnn.deterministic = True  # the same seed gives the same bytes
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
