"""How much memory a transfer takes, how much of it there is, and how it goes back to the system."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
BASE = 760 * MIB  # bytes of a worker without a job: the process, torch, ONNX Runtime, the weights
PER_PIXEL = {"bfloat16": 1850, "float32": 2800}  # bytes per output pixel: torch at the peak of an evaluation
TILED = 896**2  # pixels that a tile sees at most
KEPT_PER_PIXEL = 300  # bytes per output pixel that stay where it is worked on tile by tile: the optimiser's images
PER_FEATURE = {"bfloat16": 6, "float32": 8}  # bytes of a content image's feature, with that of the judge
REGION_PER_PIXEL = 10  # bytes per output pixel of a region's mask, over the picture and over its layers
MASK_PER_PIXEL = 4  # bytes per pixel of a mask as it came, which stays
KEPT_DECODED = 64 * MIB  # bytes of decoded pictures and masks kept for their next use, where a job leaves room
STYLE_PER_PIXEL = 1150  # bytes per pixel of one style image: ONNX Runtime, float32; one at a time
STYLE_WHOLE = 2**20  # pixels of a style image from which on it goes tile by tile too
STYLE_KEPT_PER_PIXEL = 30  # bytes per pixel of such a one
UNLIMITED = sys.maxsize  # bytes
CGROUPS = Path("/sys/fs/cgroup")
CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")  # version 2, version 1


@dataclass(frozen=True)
class Room:
    """What a worker has for a job: memory in bytes, None where it isn't known what a job takes, and its precision."""

    memory: int | None
    precision: str

    @property
    def limit(self) -> int:
        """Bytes that a job may take."""
        return UNLIMITED if self.memory is None else self.memory


def needed(width: int, height: int, styles: Iterable[tuple[int, int]], precision: str, beside: float = 0) -> int:
    """Bytes of a worker process at its peak.

    Args:
        width, height: of the output, in pixels.
        styles: widths and heights that the style images are brought to, in pixels.
        precision: a key of PER_PIXEL.
        beside: bytes of what stays in memory all the time, beyond what an ordinary transfer keeps.
    """
    output = min(PER_PIXEL[precision] * width * height, _tiled(width * height, precision))
    return BASE + math.ceil(beside) + max([output, *(_style(w * h) for w, h in styles)])


def whole_pixels(limit: int, precision: str) -> int:
    """Pixels of the largest output that a process of `limit` bytes can work on in one piece."""
    return max(0, limit - BASE) // PER_PIXEL[precision]


def _tiled(pixels: int, precision: str) -> int:
    return PER_PIXEL[precision] * TILED + KEPT_PER_PIXEL * pixels


def _style(pixels: int) -> int:
    return STYLE_PER_PIXEL * min(pixels, STYLE_WHOLE) + STYLE_KEPT_PER_PIXEL * max(0, pixels - STYLE_WHOLE)


def largest_size(needed_at: Callable[[int], int], limit: int, sizes: range) -> int | None:
    """The largest of ascending sizes at which a job takes `limit` bytes at most; None where there is none.

    `needed_at` gives the bytes at a size, and never fewer at a larger one.
    """
    fitting = bisect_left(sizes, True, key=lambda size: needed_at(size) > limit)
    return sizes[fitting - 1] if fitting else None


def available(cgroups: Path = CGROUPS) -> int:
    """Bytes of memory that this machine has, or its container where that has less."""
    limits = (_physical(), *(_cgroup_limit(cgroups / name) for name in CGROUP_LIMITS))
    return min((limit for limit in limits if limit is not None), default=UNLIMITED)


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):  # a system that doesn't say
        return None


def _cgroup_limit(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def give_back_memory() -> None:
    """Give freed memory back to the system, between two uses that differ; glibc's malloc alone is told."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
