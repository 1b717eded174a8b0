"""Messages between the service and its fork server: JSON in one datagram, with files as descriptors beside it."""

from __future__ import annotations

import json
import mmap
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

MEMORY = 2560 * 2**20  # bytes; 64 megapixels of lossless WebP take the most, 1.9 GB
LARGEST = 16_384  # bytes of a datagram at most
MOST_FILES = 4  # descriptors beside a datagram

Facts: TypeAlias = dict[str, Any]
"""What a reply says of a file, as JSON holds it."""


@dataclass(frozen=True)
class Order:
    """A task for a decoder process, and its limits.

    Attributes:
        task: a name in `tasks.TASKS`; `settings` are its arguments beside the file.
        cpu_s: CPU seconds after which the kernel ends it.
        wall_s: seconds after which the kernel ends it, however little of the CPU it got.
        memory: bytes of address space that it gets.
        patient: whether it runs at a lower priority (nice).
    """

    task: str
    cpu_s: float
    wall_s: float
    memory: int = MEMORY
    patient: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """The reply of a decoder process, or the fork server's about a process that sent none.

    Attributes:
        facts: the task's result.
        shapes: the shapes of the arrays, or lengths of the files, that come with it.
        problem: why the file can't be read.
        exit_status: the status of a process that sent no reply; negative: the number of the signal that ended it.
        cpu_s: CPU seconds that it took.
    """

    facts: Facts = field(default_factory=dict)
    shapes: list[list[int]] = field(default_factory=list)
    problem: str | None = None
    exit_status: int | None = None
    cpu_s: float = 0.0


def send(connection: socket.socket, message: Order | Reply, files: Sequence[int] = ()) -> None:
    """Send a message with file descriptors, which stay open here. Raises OSError."""
    socket.send_fds(connection, [json.dumps(asdict(message)).encode()], files)


def receive(connection: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next message's fields (None at the end) and descriptors, which the caller closes. Raises OSError."""
    data, files, _, _ = socket.recv_fds(connection, LARGEST, MOST_FILES)
    return (json.loads(data) if data else None), files


def shared(data: bytes | npt.NDArray[np.uint8]) -> int:
    """Return a descriptor of memory with a copy of the data. The memory is freed with its last descriptor.

    Raises OSError.
    """
    flat = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else np.ascontiguousarray(data)
    left = memoryview(flat).cast("B")  # type: ignore[arg-type]
    descriptor = os.memfd_create("picture", os.MFD_CLOEXEC)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def mapped(descriptor: int, shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Return the array in a descriptor of shared memory, read-only and not copied, and close the descriptor.

    Raises:
        ValueError: the memory has another size than the shape.
    """
    try:
        size = int(np.prod(shape))
        if os.fstat(descriptor).st_size != size:
            raise ValueError(f"{os.fstat(descriptor).st_size} bytes where {size} were announced")
        return np.frombuffer(mmap.mmap(descriptor, size, prot=mmap.PROT_READ), np.uint8).reshape(shape)
    finally:
        os.close(descriptor)
