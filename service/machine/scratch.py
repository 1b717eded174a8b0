"""Scratch folders: files that live as long as the processes that share them, such as metrics and heartbeats.

They need no disk, so memory comes before disks, also before that of TMPDIR: a heartbeat that waits for a slow disk
looks like a process that hangs. Where nothing but the data folder can be written to, they lie there.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from service.machine.folders import make_private

VARIABLE = "TMPDIR"
MEMORY = Path("/dev/shm")  # noqa: S108 - a file there never waits for a disk
DISKS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - where programs look without TMPDIR
IN_DATA = "tmp"  # folder of NST_DATA
PATH_MAX = 4096  # bytes of a path, Linux' limit
ROOM = 4 * 2**20  # bytes that must be free: what the processes of a service keep there


def candidates(data: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the places for scratch files, in the order in which they are tried; `data` is NST_DATA."""
    last = data.absolute() / IN_DATA
    wanted = [Path(text) for text in [environ.get(VARIABLE)] if text and Path(text) != last]
    return [MEMORY, *wanted, *DISKS, last]


def scratch_place(data: Path, longest: int = PATH_MAX) -> Path | None:
    """Return the first place that takes files, which may be made in NST_DATA; None if there is none.

    Where all disks are full it is the first that takes empty files. Its path has at most `longest` bytes.
    """
    return _first([place for place in candidates(data) if len(os.fsencode(place)) <= longest], data)


def why_no_place(data: Path) -> str:
    """Return what is wrong with each place."""
    return "; ".join(f"{place}: {why_unusable(place)}" for place in candidates(data))


def why_unusable(place: Path, room: int = ROOM) -> str:
    """Return why a folder takes no files of `room` bytes; empty if it does."""
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            if room:
                os.posix_fallocate(file.fileno(), 0, room)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def provide_temporary_folder(data: Path) -> None:
    """Let this process and its children, SQLite among them, write temporary files in NST_DATA if nowhere else."""
    place = _first([place for place in candidates(data) if place != MEMORY], data)
    if place is not None and place not in DISKS:
        os.environ[VARIABLE] = str(place)
        tempfile.tempdir = None  # it is looked up again


def _first(places: Sequence[Path], data: Path) -> Path | None:
    for room in (ROOM, 0):
        for place in places:
            if place == data.absolute() / IN_DATA:
                with suppress(OSError):
                    make_private(place)
            if not why_unusable(place, room):
                return place
    return None


def why_no_semaphores() -> str:
    """Return why processes can't share semaphores, which lie in the memory's folder alone; empty if they can."""
    try:
        multiprocessing.Lock()
    except OSError as error:
        return f"{MEMORY}: {error.strerror or error}"
    return ""


_locks: dict[Path, int] = {}  # folder -> the descriptor that holds its lock


def make_scratch(kind: str, place: Path) -> Path:
    """Make a folder for this kind of files, and remove those of the kind whose makers have ended.

    Its name is `kind`, our process id and some random letters. The maker holds a lock on its folder: unlike a process
    id, it means the same in all containers and machines that share the place. Raises OSError.
    """
    _sweep(kind, place)
    hidden = Path(tempfile.mkdtemp(prefix=f".{kind}{os.getpid()}-", dir=place))  # none that was left is called so
    lock = os.open(hidden, os.O_RDONLY)
    with suppress(OSError):  # a network disk without locks: nobody removes it then
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.set_inheritable(lock, True)  # the program that takes this one's place keeps it
    folder = hidden.rename(place / hidden.name.removeprefix("."))
    _locks[folder] = lock
    return folder


def remove_scratch(folder: Path) -> None:
    """Remove a folder that make_scratch made, and let go of its lock if this process has it."""
    shutil.rmtree(folder, ignore_errors=True)
    if (lock := _locks.pop(folder, None)) is not None:
        os.close(lock)


def _sweep(kind: str, place: Path) -> None:
    for folder in place.glob(f"{kind}*"):
        with suppress(OSError):  # its maker lives, it is another user's, or this disk has no locks
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
