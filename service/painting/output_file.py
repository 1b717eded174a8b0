"""The file that a picture goes to: tried before anything is painted, written beside its place, renamed into it.

A file that is there and can't be replaced is written over where it lies: one that is mounted into a container, one of
another user in a folder such as /tmp, and one whose folder can't be written to.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import InvalidInput
from service.pictures.images import MEDIA_TYPES

MOUNTS = Path("/proc/self/mountinfo")  # a line for each mount, its place the fifth field: see "proc(5)"


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
            self._stays = self._target.exists() and _must_stay(self._target)
            if self._stays:
                self._check_room(room)
            else:
                self._write_beside(room=room).unlink()

    def write(self, data: bytes) -> None:
        """Write the whole file, or leave what is there as it was. Raises InvalidInput."""
        with self._errors():
            if self._stays:
                self._write_over(data)
            else:
                self._replace(data)

    def _replace(self, data: bytes) -> None:
        part = self._write_beside(data)
        try:
            if self._target.exists():
                part.chmod(stat.S_IMODE(self._target.stat().st_mode))
            part.replace(self._target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _write_over(self, data: bytes) -> None:
        """Write into the file that is there, once the disk has room for all of it."""
        with self._target.open("r+b") as file:
            before = os.fstat(file.fileno()).st_size
            try:
                os.posix_fallocate(file.fileno(), 0, len(data))
            except OSError:
                file.truncate(before)
                raise
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def _check_room(self, room: int) -> None:
        if self._target.stat().st_size + shutil.disk_usage(self._target).free < room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

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


def _must_stay(file: Path) -> bool:
    """Return whether no other file can take the place of this one."""
    folder = file.parent
    about = folder.stat()
    is_others = about.st_mode & stat.S_ISVTX and os.geteuid() not in (0, about.st_uid, file.stat().st_uid)
    return bool(is_others) or not os.access(folder, os.W_OK | os.X_OK) or _is_mounted(file)


def _is_mounted(file: Path) -> bool:
    """Return whether a file is the place of a mount, for which `os.path.ismount` knows only folders."""
    escaped = re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", str(file))
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    return any(line.split(" ")[4] == escaped for line in lines)


def format_of(path: str | Path) -> str:
    """Return the format that a path's suffix stands for. Raises InvalidInput for another suffix."""
    suffix = Path(path).suffix.lower().lstrip(".")
    format = "jpeg" if suffix == "jpg" else suffix
    if format not in MEDIA_TYPES:
        raise InvalidInput.field("output", f"{path}: must end in .png, .jpg, .jpeg or .webp")
    return format
