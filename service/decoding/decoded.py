"""Files that are decoded once and kept for their next use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from service.decoding import files
from service.decoding.files import Tick, no_tick
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

    At most `limit` bytes are kept. What was not used for longest goes first, and is decoded again if it is needed.
    Nothing here may be written to: all callers share it. Methods raise as those of `service.decoding.files`.
    """

    def __init__(self, limit: int = KEPT_DECODED) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[str, str], Decoded] = OrderedDict()
        self._bytes = 0

    def cutout(self, file: File, tick: Tick = no_tick) -> Cutout:
        """Return a picture's colours, and its alpha where there is any."""
        return self._decoded("cutout", file, files.decode_cutout, tick)

    def picture(self, file: File, tick: Tick = no_tick) -> Picture:
        """Return a picture over white."""
        return self._decoded("picture", file, files.decode, tick)

    def mask(self, file: File, tick: Tick = no_tick) -> Mask:
        """Return a mask in the size of its file."""
        return self._decoded("mask", file, files.decode_mask, tick)

    def _decoded(self, kind: str, file: File, decode: Callable[[bytes, Tick], T], tick: Tick) -> T:
        key = (kind, file.sha256)
        if key in self._kept:
            self._kept.move_to_end(key)
            return cast(T, self._kept[key])
        decoded = decode(file.read(), tick)
        self._keep(key, decoded)
        return decoded

    def _keep(self, key: tuple[str, str], decoded: Decoded) -> None:
        if _size(decoded) > self._limit:
            return
        self._kept[key] = decoded
        self._bytes += _size(decoded)
        while self._bytes > self._limit:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(decoded: Decoded) -> int:
    """Return the bytes that a decoded file takes."""
    if not isinstance(decoded, Cutout):
        return decoded.nbytes
    return decoded.colours.nbytes + (0 if decoded.alpha is None else decoded.alpha.nbytes)
