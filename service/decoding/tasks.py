"""The tasks of a decoder process: a task's name -> facts that JSON can hold, and bytes to hand over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from service.decoding import reading
from service.decoding.messages import Facts

Payload = bytes | npt.NDArray[np.uint8]
Task = Callable[..., tuple[Facts, Sequence[Payload]]]


def check(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Read the whole file; return the upright picture's `width` and `height`."""
    width, height = reading.upright_size(data)
    return {"width": width, "height": height}, ()


def picture(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Return the picture over white, H x W x 3 uint8."""
    return {}, (reading.decode(data),)


def cutout(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Return the colours, H x W x 3, and the alpha, H x W, where the picture has any."""
    read = reading.decode_cutout(data)
    return {}, (read.colours,) if read.alpha is None else (read.colours, read.alpha)


def levels(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Return how much each place of a mask counts, H x W."""
    return {}, (reading.decode_mask(data),)


def lightest(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Return the greatest level of a mask, `level`, 0 to 255."""
    return {"level": reading.lightest(data)}, ()


def transcode(data: bytes, format: str, quality: int) -> tuple[Facts, Sequence[Payload]]:
    """Return the file in another format."""
    return {}, (reading.transcode(data, format, quality),)


def thumbnail(data: bytes) -> tuple[Facts, Sequence[Payload]]:
    """Return a small JPEG."""
    return {}, (reading.thumbnail(data),)


TASKS: dict[str, Task] = {
    task.__name__: task for task in (check, picture, cutout, levels, lightest, transcode, thumbnail)
}
