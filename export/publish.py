"""Publish a file: it appears under its name complete and checked, or not at all."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from export.errors import ExportError

Report = TypeVar("Report")


def publish(content: bytes, path: Path, check: Callable[[Path], Report]) -> Report:
    """Write a file beside `path`, check it, and rename it to `path`. An old file there stays until then.

    Raises ExportError if the file system refuses, and what `check` raises. No partial file stays behind.
    """
    part = _part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _removed_at_the_end(part):
            _write_synced(part, content)
            report = check(part)
            part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ExportError(f"{path}: can't be written: {error.strerror or error}") from error
    return report


def check_place(path: Path, weights: Path | None) -> None:
    """Raise ExportError if no file can be written to `path`, or if the weights would be lost by it."""
    if weights is not None and _are_one(path, weights):
        raise ExportError(f"{path}: is the file of the weights, which would be lost: choose another --output")
    part = _part(path)
    try:
        if path.is_dir():
            raise ExportError(f"{path}: is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        with _removed_at_the_end(part):
            part.touch()
    except OSError as error:
        raise ExportError(f"{path}: can't be written: {error.strerror or error}") from error


def _are_one(path: Path, other: Path) -> bool:
    """Return whether two paths are of one file; not if one can't be reached."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def _part(path: Path) -> Path:
    return path.parent / f"{path.name}.part-{os.getpid()}"


@contextmanager
def _removed_at_the_end(part: Path) -> Iterator[None]:
    try:
        yield
    finally:
        part.unlink(missing_ok=True)  # after the rename there is no such file


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # The rename is on the disk only once the folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
