"""Zip files that are made while they are sent: in memory is one piece of a file at a time."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from service.pictures.file_names import portable_name, told_apart_by

Part = tuple[str, Callable[[], Iterable[bytes]]]
"""A file's name, and the function that reads its pieces."""


def zipped(parts: Iterable[Part], may_go_on: Callable[[], bool]) -> Iterator[bytes]:
    """Yield a zip file of these files, each with its name and its pieces, which are read one at a time.

    Equal names get numbers. Pictures aren't compressed again.

    They are deflated all the same, at level 0: where sizes come after a file, a reader of the stream knows its end by
    the method alone. Names are such as every system takes, and differ there.

    An error of a file breaks the zip file off, so that it isn't taken for a whole one. So does `may_go_on`, which is
    asked before each piece, once it returns False: the caller's key may have ended.
    """
    sink, names, now = _Sink(), Counter[str](), time.localtime()[:6]
    with ZipFile(sink, "w") as archive:
        for name, pieces in parts:
            info = ZipInfo(_unlike(portable_name(name), names), now)
            info.external_attr = 0o644 << 16
            info.compress_type = ZIP_DEFLATED
            info._compresslevel = 0  # type: ignore[attr-defined]  # it has no public name before Python 3.13
            with archive.open(info, "w") as file:
                for piece in pieces():
                    if not may_go_on():
                        raise ConnectionAbortedError("the caller's key doesn't count any more")
                    file.write(piece)
                    yield sink.taken()
    yield sink.taken()


def _unlike(name: str, names: Counter[str]) -> str:
    """Return a name that no file before has: `photo (2).png`."""
    key = told_apart_by(name)
    names[key] += 1
    if names[key] == 1:
        return name
    path = PurePosixPath(name)
    return _unlike(f"{path.stem} ({names[key]}){path.suffix}", names)


class _Sink(io.RawIOBase):
    """A file that can only be written to; `taken` returns what was written since it was called last."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        found, self._pieces = b"".join(self._pieces), []
        return found
