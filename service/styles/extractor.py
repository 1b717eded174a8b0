"""Gram matrices of style images by ONNX Runtime: of a whole picture, or tile by tile, or under a mask."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from service.errors import Unavailable
from service.network.geometry import Tile, layer_masks, stride, tiles
from service.network.model import Model
from service.pictures.images import Mask, Picture
from service.styles.pieces import Features, Pieces, Provider

Grams = dict[str, npt.NDArray[np.float32]]
"""Layer -> C x C Gram matrix, divided by the H*W it was taken over."""

WHOLE = 2**20  # most pixels of a picture that goes through the graph in one piece
FLOOR = 1e-12  # least divisor, for a mask that is black at all of a layer's positions
CUDA = "CUDAExecutionProvider"
TILE = 1024  # pixels along each side of what a tile of a larger picture sees


class GramExtractor:
    """The Gram matrices of the model file, by ONNX Runtime.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA where it loads and else the CPU.
        threads: CPU threads that it computes with.

    Raises:
        Unavailable: "cuda" was asked for and does not load.
    """

    def __init__(self, model: Model, device: str, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # torch uses the cores next
        options.enable_cpu_mem_arena = False  # torch uses the memory next, which an arena would keep
        options.enable_mem_pattern = False  # a plan of the arena's memory for every shape
        options.graph_optimization_level = (
            ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        )  # no copies in other layouts
        self._pieces = Pieces(model.proto, options, _providers(device))
        self.provider = self._pieces.provider
        """The provider that ONNX Runtime uses."""
        if device == "cuda" and self.provider != CUDA:
            raise Unavailable(f"NST_DEVICE is cuda, but ONNX Runtime only got {self.provider}")

    def grams(
        self,
        picture: Picture,
        layers: Sequence[str],
        mask: Mask | None = None,
        on_tick: Callable[[], None] = lambda: None,
    ) -> Grams:
        """Return the Grams of an H x W x 3 uint8 picture at these layers.

        With a mask, H x W in [0, 1], each position of a layer is weighted by the mask's average over what it sees,
        and the sums are divided by the sum of the weights (Gatys et al. 2017, section 4). `on_tick` is called before
        each tile, and at each layer.
        """
        layers = tuple(sorted(layers))
        if mask is not None or picture.shape[0] * picture.shape[1] > WHOLE:
            return self._by_tiles(picture, layers, mask, on_tick)
        on_tick()
        grams: Grams = {}

        def use(layer: str, features: ort.OrtValue) -> None:
            on_tick()
            grams[layer] = self._pieces.gram(features)

        self._pieces.walk(_image(picture), layers, use)
        return grams

    def _by_tiles(
        self, picture: Picture, layers: tuple[str, ...], mask: Mask | None, on_tick: Callable[[], None]
    ) -> Grams:
        """Return the Grams, summed over the features of one tile after another."""
        height, width = picture.shape[:2]
        weights = {} if mask is None else layer_masks(mask, layers)
        sums: Grams = {}
        for tile in tiles(height, width, layers, TILE):
            on_tick()
            self._add_tile(picture, tile, sums, weights, layers, on_tick=on_tick)
        return {layer: gram / _divisor(layer, height, width, weights.get(layer)) for layer, gram in sums.items()}

    def _add_tile(
        self,
        picture: Picture,
        tile: Tile,
        sums: Grams,
        weights: dict[str, Mask],
        layers: tuple[str, ...],
        *,
        on_tick: Callable[[], None],
    ) -> None:
        """Add a tile's own features to the sums of the layers."""

        def use(layer: str, features: ort.OrtValue) -> None:
            on_tick()
            own, step = features.numpy()[0], stride(layer)
            own = own[:, tile.rows.own_within(step), tile.columns.own_within(step)].reshape(len(own), -1)
            weighted = own
            if weights:
                weighted = own * weights[layer][tile.rows.own(step), tile.columns.own(step)].reshape(-1)
            sums[layer] = sums.get(layer, np.float32(0)) + weighted @ own.T

        self._pieces.walk(_image(picture[tile.rows.seen(), tile.columns.seen()]), layers, use)


def _image(picture: Picture) -> Features:
    """Return an H x W x 3 uint8 picture as the graph takes it, 1 x 3 x H x W in [0, 1]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)


def _divisor(layer: str, height: int, width: int, weights: Mask | None) -> np.float32:
    """Return the number of a layer's positions, or the sum of their weights."""
    if weights is None:
        return np.float32((height // stride(layer)) * (width // stride(layer)))
    return np.float32(max(weights.sum(dtype=np.float64), FLOOR))


def _providers(device: str) -> list[Provider]:
    if device == "cpu" or (device == "auto" and not (CUDA in ort.get_available_providers() and _has_cuda_driver())):
        return ["CPUExecutionProvider"]
    ort.preload_dlls()  # cuDNN and CUDA as torch's packages bring them
    return [(CUDA, {"use_tf32": "0"}), "CPUExecutionProvider"]  # Grams need full float32


def _has_cuda_driver() -> bool:
    try:
        return int(ctypes.CDLL("libcuda.so.1").cuInit(0)) == 0
    except OSError:
        return False
