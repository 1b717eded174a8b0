"""Files that are decoded once and kept for their next use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from service.decoding import files
from service.decoding.allowance import Tick, no_tick
from service.machine.memory import KEPT_DECODED
from service.pictures import images
from service.pictures.images import Cutout, Mask, Picture
from service.pictures.sizes import HasSize

Decoded = Cutout | Mask | Picture
T = TypeVar("T", bound=Decoded)
Size = tuple[int, int]
"""Width and height in pixels."""


class File(Protocol):
    """A file that is read when it is needed; `sha256` is the digest of its bytes."""

    @property
    def sha256(self) -> str: ...
    def read(self) -> bytes: ...


class PictureFile(File, HasSize, Protocol):
    """A file that holds a picture, as an ImageFile does."""


class DecodedFiles:
    """The pictures and masks of one job, each read and decoded once, and what they were resized to.

    At most `limit` bytes are kept. The largest goes first, of equal ones the newest, and is decoded again if it is
    needed. A job comes back to its pictures with each of its variants; what they were resized to mostly fits.
    Callers share the arrays and must not write to them. Methods raise as those of `service.decoding.files`.
    """

    def __init__(self, limit: int = KEPT_DECODED) -> None:
        self._limit = limit
        self._kept: dict[tuple[object, ...], Decoded] = {}

    def cutout(self, file: File, tick: Tick = no_tick) -> Cutout:
        """Return a picture's colours, and its alpha where there is any."""
        return self._decoded("cutout", file, files.decode_cutout, tick)

    def picture(self, file: File, tick: Tick = no_tick) -> Picture:
        """Return a picture laid over white."""
        return self._decoded("picture", file, files.decode, tick)

    def mask(self, file: File, tick: Tick = no_tick) -> Mask:
        """Return a mask in the size of its file."""
        return self._decoded("mask", file, files.decode_mask, tick)

    def pictures(self, file: File, sizes: Sequence[Size], tick: Tick = no_tick) -> list[Picture]:
        """Return a picture laid over white in each of some sizes."""
        return self._resized("picture", file, sizes, lambda: self.picture(file, tick), images.resize)

    def masks(self, file: File, sizes: Sequence[Size], tick: Tick = no_tick) -> list[Mask]:
        """Return a mask in each of some sizes."""
        return self._resized("mask", file, sizes, lambda: self.mask(file, tick), images.resize_mask)

    def _decoded(self, kind: str, file: File, decode: Callable[[bytes, Tick], T], tick: Tick) -> T:
        key = (kind, file.sha256)
        if key in self._kept:
            return cast(T, self._kept[key])
        return self._keep(key, decode(file.read(), tick))

    def _resized(
        self, kind: str, file: File, sizes: Sequence[Size], whole: Callable[[], T], resize: Callable[[T, int, int], T]
    ) -> list[T]:
        keys = {size: (kind, file.sha256, size) for size in sizes}
        found = {size: cast(T, self._kept[key]) for size, key in keys.items() if key in self._kept}
        if missing := keys.keys() - found.keys():
            decoded = whole()
            found |= {size: self._keep(keys[size], resize(decoded, *size)) for size in missing}
        return [found[size] for size in sizes]

    def _keep(self, key: tuple[object, ...], decoded: T) -> T:
        self._kept[key] = decoded
        while sum(map(_size, self._kept.values())) > self._limit:
            del self._kept[max(reversed(self._kept), key=lambda key: _size(self._kept[key]))]
        return decoded


def _size(decoded: Decoded) -> int:
    """Return the bytes that a decoded file takes."""
    if not isinstance(decoded, Cutout):
        return decoded.nbytes
    return decoded.colours.nbytes + (0 if decoded.alpha is None else decoded.alpha.nbytes)
