"""Mending for every format: the versions of a file to try, and what is wrong with one that can't be read."""

from __future__ import annotations

from collections.abc import Callable

from service.decoding import isobmff, tiff
from service.decoding.formats import head_of
from service.decoding.mending import bmp, gif, jpeg, png, webp
from service.decoding.mending.version import Version, Versions


def _as_it_is(data: bytes) -> Versions:
    yield Version(data)


_VERSIONS: dict[str | None, Callable[[bytes], Versions]] = {
    "PNG": png.versions,
    "JPEG": jpeg.versions,
    "GIF": gif.versions,
    "WEBP": webp.versions,
    "BMP": bmp.versions,
}
_WHY: dict[str | None, Callable[[bytes], str | None]] = {
    "PNG": png.why_broken,
    "JPEG": jpeg.why_broken,
    "GIF": gif.why_broken,
    "WEBP": webp.why_broken,
    "BMP": bmp.why_broken,
    "AVIF": isobmff.why_broken,
    "HEIC": isobmff.why_broken,
    "TIFF": tiff.why_broken,
}


def versions(data: bytes) -> Versions:
    """Yield what is to be read in place of a file: it itself, or one that is mended."""
    return _VERSIONS.get(head_of(data).format, _as_it_is)(data)


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file of a known format that can't be read; None where it isn't known."""
    why = _WHY.get(head_of(data).format)
    return why(data) if why else None
