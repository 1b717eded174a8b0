"""Settings of the C library's allocator (malloc) for the memory of freed tensors."""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8  # <malloc.h>
MAPPINGS = 65536  # glibc's own limit
LARGE = 2**23  # bytes
KERNELS = "256"  # that oneDNN keeps ready; its default is 1024


def limit_kept_kernels() -> None:
    """Bound what the kernels for the shapes of earlier jobs take; call it before torch's first convolution.

    oneDNN makes a kernel for each shape and direction, some 30 for a level of a job, and up to 0.1 MB each. By
    default a worker grew by 80 MB while its jobs had 40 sizes. A setting of the environment goes before.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)


def keep_freed_memory() -> None:
    """Keep the memory of freed tensors for the next ones, instead of giving it back to the system.

    Every iteration allocates the same hundreds of MB; glibc would map and unmap each large tensor, which took 15 % of
    an iteration at 1024 px. A thread with an arena of its own would still map them, so all threads share one arena:
    that saves 12 % of the CPU time where jobs run beside the main thread. Only glibc has these settings; with another
    C library nothing changes.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
        libc.mallopt(M_ARENA_MAX, 1)


def keep_large_images_apart(apart: bool) -> None:
    """Choose whether freed memory of LARGE bytes or more goes back to the system at once.

    That is meant for transfers that go tile by tile. Their large images would leave holes between the tiles' tensors,
    into which nothing else fits: 35 % of the memory at 2048 px.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(M_MMAP_MAX, MAPPINGS if apart else 0)
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)
