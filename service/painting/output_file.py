"""The file that a picture goes to: tried before anything is painted, written beside its place, renamed into it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import InvalidInput
from service.pictures.images import MEDIA_TYPES


class OutputFile:
    """A path to which a picture can be written, as far as that is known before there is one.

    Args:
        path: ends in .png, .jpg, .jpeg or .webp; a symbolic link is followed.
        inputs: files that the picture is made from, which it must not replace.
        room: bytes that must be free.

    Raises:
        InvalidInput: it can't be written, or is one of the inputs, under whatever name.
    """

    def __init__(self, path: str | Path, inputs: Iterable[Path] = (), room: int = 0) -> None:
        self.path = Path(path)
        self.format = format_of(path)
        with self._errors():
            self._target = self.path.resolve()
            self._check_kind()
            self._check_inputs(inputs)
            self._write_beside(room=room).unlink()

    def write(self, data: bytes) -> None:
        """Write the whole file, or leave what is there as it was. Raises InvalidInput."""
        with self._errors():
            part = self._write_beside(data)
            try:
                if self._target.exists():
                    part.chmod(stat.S_IMODE(self._target.stat().st_mode))
                part.replace(self._target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

    def _check_kind(self) -> None:
        if not self._target.parent.is_dir():
            raise self._wrong(f"there is no folder {self.path.parent}")
        if self._target.is_dir():
            raise self._wrong("is a folder")
        if self._target.exists() and not self._target.is_file():
            raise self._wrong("is no ordinary file")
        if self._target.exists() and not os.access(self._target, os.W_OK):
            raise self._wrong("is write-protected")

    def _check_inputs(self, inputs: Iterable[Path]) -> None:
        for one in inputs:
            if self._target.exists() and one.exists() and self._target.samefile(one):
                raise self._wrong(f"is the file of an input ({one}), which would be lost: choose another name")

    def _write_beside(self, data: bytes = b"", room: int = 0) -> Path:
        """Write a file of this data in the same folder, with at least `room` bytes on the disk; return its path."""
        part = self._target.parent / f".{secrets.token_hex(6)}.part"  # as short as any name that fits here
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if room:
                    os.posix_fallocate(descriptor, 0, room)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            part.unlink()
            raise
        return part

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from error
        except RuntimeError as error:  # of Path.resolve
            raise self._wrong("its symbolic links lead in a circle") from error

    def _wrong(self, problem: str) -> InvalidInput:
        return InvalidInput.field("output", f"{self.path}: {problem}")


def format_of(path: str | Path) -> str:
    """Return the format that a path's suffix stands for. Raises InvalidInput for another suffix."""
    suffix = Path(path).suffix.lower().lstrip(".")
    format = "jpeg" if suffix == "jpg" else suffix
    if format not in MEDIA_TYPES:
        raise InvalidInput.field("output", f"{path}: must end in .png, .jpg, .jpeg or .webp")
    return format
