"""Memory: how much a transfer takes, how much there is, and how freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from service.machine.container import memory_limit

MIB = 2**20
BASE = 776 * MIB  # bytes of a worker without a job: the process, torch, ONNX Runtime, the weights
PER_PIXEL = {"bfloat16": 1850, "float32": 2800}  # bytes per output pixel: torch at the peak of an evaluation
TILED = 896**2  # pixels that a tile sees at most
KEPT_PER_PIXEL = 300  # bytes per output pixel that a transfer by tiles keeps: the optimiser's images
PER_FEATURE = 24  # bytes per number in a content image's features, with their loss and its gradient
REGION_PER_PIXEL = 10  # bytes per output pixel of a region's mask, over the picture and over its layers
MASK_PER_PIXEL = 4  # bytes per pixel of a mask in its own size, which stays in memory
KEPT_DECODED = 64 * MIB  # bytes of decoded pictures and masks kept for their next use, where a job leaves room
STYLE_PER_PIXEL = 1150  # bytes per pixel of one style image: ONNX Runtime, float32; one at a time
STYLE_WHOLE = 2**20  # pixels above which a style image goes tile by tile too
STYLE_KEPT_PER_PIXEL = 30  # bytes per pixel beyond STYLE_WHOLE
LEARNING = {"bfloat16": 900 * MIB, "float32": 1100 * MIB}  # bytes of a learning beyond BASE, with its pictures
PHOTOGRAPHS = 192_000_000  # bytes of a learning's photographs at most, 3 for each pixel
PAINTER = 300 * MIB  # bytes of a painter worker that paints pictures of 512 px
PASS_PER_PIXEL = 300  # bytes per pixel of a painter's pass: ONNX Runtime, float32
PAINTED_PER_PIXEL = 120  # bytes per output pixel that a painting keeps beside the pass
UNLIMITED = sys.maxsize  # bytes


@dataclass(frozen=True)
class Capacity:
    """The capacity of a worker: its precision, and the bytes that a job may take, None if that isn't known."""

    memory: int | None
    precision: str

    @property
    def limit(self) -> int:
        """Bytes that a job may take at most."""
        return UNLIMITED if self.memory is None else self.memory


def needed(width: int, height: int, styles: Iterable[tuple[int, int]], precision: str, beside: float = 0) -> int:
    """Return the bytes that a worker process takes at its peak.

    Args:
        width, height: of the output, in pixels.
        styles: widths and heights that the style images are brought to, in pixels.
        precision: a key of PER_PIXEL.
        beside: bytes beyond those of an ordinary transfer that stay in memory all the time.
    """
    output = min(PER_PIXEL[precision] * width * height, _tiled(width * height, precision))
    return BASE + math.ceil(beside) + max([output, *(_style(w * h) for w, h in styles)])


def needed_to_paint(width: int, height: int, largest: int, beside: float = 0) -> int:
    """Return the bytes that a process takes at its peak when painters paint.

    `largest` is the longest edge of their passes in pixels; the other arguments are those of `needed`.
    """
    pixels = width * height
    passed = pixels * min(1, largest / max(width, height)) ** 2
    return BASE + math.ceil(beside + PASS_PER_PIXEL * passed) + PAINTED_PER_PIXEL * pixels


def max_whole_pixels(limit: int, precision: str) -> int:
    """Return the pixels of the largest output that a process of `limit` bytes can work on in one piece."""
    return max(0, limit - BASE) // PER_PIXEL[precision]


def _tiled(pixels: int, precision: str) -> int:
    return PER_PIXEL[precision] * TILED + KEPT_PER_PIXEL * pixels


def _style(pixels: int) -> int:
    return STYLE_PER_PIXEL * min(pixels, STYLE_WHOLE) + STYLE_KEPT_PER_PIXEL * max(0, pixels - STYLE_WHOLE)


def largest_size(needed_at: Callable[[int], int], limit: int, sizes: range) -> int | None:
    """Return the largest of ascending sizes at which a job takes at most `limit` bytes; None if there is none.

    `needed_at` gives the bytes at a size, and never fewer at a larger one.
    """
    fitting = bisect_left(sizes, True, key=lambda size: needed_at(size) > limit)
    return sizes[fitting - 1] if fitting else None


def available() -> int:
    """Return the bytes of memory of this machine, or of its container if that has less."""
    return min((limit for limit in (_physical(), memory_limit()) if limit is not None), default=UNLIMITED)


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # a system that doesn't say
        return None


def resident() -> int:
    """Return the bytes of memory that this process has; 0 on a system that doesn't say."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def give_back_memory() -> None:
    """Give freed memory back to the system between two uses that differ. Only glibc's malloc needs it."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
