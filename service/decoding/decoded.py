"""Files that are decoded once and kept for their next use."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar, cast

from cachetools import LRUCache

from service.decoding import files
from service.decoding.allowance import Tick, no_tick
from service.machine.memory import KEPT_DECODED
from service.pictures.images import Cutout, Mask, Picture
from service.pictures.sizes import HasSize

Decoded = Cutout | Mask | Picture
T = TypeVar("T", bound=Decoded)


class File(Protocol):
    """A file that is read when it is needed; `sha256` is the digest of its bytes."""

    @property
    def sha256(self) -> str: ...
    def read(self) -> bytes: ...


class PictureFile(File, HasSize, Protocol):
    """A file that holds a picture, as an ImageFile does."""


class DecodedFiles:
    """The pictures and masks of one job, each read and decoded once.

    At most `limit` bytes are kept. The least recently used goes first, and is decoded again if it is needed.
    Callers share the arrays and must not write to them. Methods raise as those of `service.decoding.files`.
    """

    def __init__(self, limit: int = KEPT_DECODED) -> None:
        self._kept: LRUCache[tuple[str, str], Decoded] = LRUCache(limit, _size)

    def cutout(self, file: File, tick: Tick = no_tick) -> Cutout:
        """Return a picture's colours, and its alpha where there is any."""
        return self._decoded("cutout", file, files.decode_cutout, tick)

    def picture(self, file: File, tick: Tick = no_tick) -> Picture:
        """Return a picture laid over white."""
        return self._decoded("picture", file, files.decode, tick)

    def mask(self, file: File, tick: Tick = no_tick) -> Mask:
        """Return a mask in the size of its file."""
        return self._decoded("mask", file, files.decode_mask, tick)

    def _decoded(self, kind: str, file: File, decode: Callable[[bytes, Tick], T], tick: Tick) -> T:
        key = (kind, file.sha256)
        if key in self._kept:
            return cast(T, self._kept[key])
        decoded = decode(file.read(), tick)
        with suppress(ValueError):  # it is larger than `limit`
            self._kept[key] = decoded
        return decoded


def _size(decoded: Decoded) -> int:
    """Return the bytes that a decoded file takes."""
    if not isinstance(decoded, Cutout):
        return decoded.nbytes
    return decoded.colours.nbytes + (0 if decoded.alpha is None else decoded.alpha.nbytes)
