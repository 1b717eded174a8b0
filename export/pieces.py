"""Pieces of a remote file on disk, so that an interrupted export continues where it stopped."""

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from export.errors import ExportError
from export.http_file import HttpFile

PIECE_BYTES = 4 * 2**20  # a killed export reads at most so much again

Range = tuple[int, int]  # from the first byte to before the second


def split(ranges: list[Range]) -> list[Range]:
    """Split ranges of bytes into pieces of PIECE_BYTES at most."""
    return [
        (start, min(start + PIECE_BYTES, end)) for first, end in ranges for start in range(first, end, PIECE_BYTES)
    ]


class Pieces:
    """A reader of pieces, from the disk or else from the server, that keeps them on the disk.

    They lie in folder/<URL's digest>/<version's digest>/<start>-<end>; without a version's key none is kept.
    A piece gets its name once it is complete and synced to the disk.
    """

    def __init__(self, file: HttpFile, url: str, folder: Path) -> None:
        self._file = file
        self._of_url = folder / _digest(url)
        key = file.version.key
        self._of_version = self._of_url / _digest(key) if key else None
        self._remove_other_versions()

    def read(self, piece: Range) -> bytes:
        """Read a piece and keep it. Raises ExportError, also if the disk refuses."""
        if self._of_version is None:
            return self._file.read(*piece)
        path = self._of_version / f"{piece[0]}-{piece[1]}"
        with suppress(FileNotFoundError):
            data = path.read_bytes()
            if len(data) == piece[1] - piece[0]:
                return data
        data = self._file.read(*piece)
        _write(path, data)
        return data

    def remove(self) -> None:
        """Remove the pieces, once all were read."""
        shutil.rmtree(self._of_url, ignore_errors=True)
        with suppress(OSError):  # another export's pieces lie there, or none ever did
            self._of_url.parent.rmdir()

    def _remove_other_versions(self) -> None:
        for path in self._of_url.glob("*"):
            if path != self._of_version:
                shutil.rmtree(path, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ExportError(f"{path}: can't be written: {error.strerror or error}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
