"""A check that this process may write to the files and folders of database and blobs. It changes nothing."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from service.config import Settings
from service.errors import Unavailable
from service.storage import blob_folders, opened
from service.storage.disks import blobs_folder, database_file
from service.telemetry.complaints import Complaint

logger = logging.getLogger(__name__)

FOLDERS = set(blob_folders.ALL) - {blob_folders.STORE}  # that are looked at; a disk may have others
RIGHTS = {os.R_OK: "read", os.W_OK: "written to", os.X_OK: "entered"}
GET_FLAGS, IMMUTABLE = 0x80086601, 0x10  # Linux's FS_IOC_GETFLAGS and FS_IMMUTABLE_FL
RETRY_S = 1.0  # seconds to the next look of a process that waits
BESIDE = ("", "-wal", "-shm", "-journal")  # endings of SQLite's files


def check_writable(settings: Settings) -> None:
    """Refuse a service's start where a file or folder can't be written to.

    Raises Unavailable, which names each such place, and its setting.
    """
    if problems := list(write_problems(settings)):
        raise Unavailable("; ".join(problems))


def check_or_wait(settings: Settings) -> None:
    """Refuse the first start of a worker as `check_writable` does; one that begins later waits for the database.

    A connection to an SQLite file that can't be written to when it is opened stays such for ever. A folder of blobs
    that can't be written to matters no more than to a worker that runs.
    """
    if not opened.has_started():
        check_writable(settings)
        return
    complaint = Complaint(logger)
    while problems := _database_problems(settings) or _database_missing(settings):
        complaint.say("%s; this process goes on when it can", "; ".join(_sentences(problems)))
        time.sleep(RETRY_S)


def write_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each file or folder of database and blobs that can't be written to.

    Raises Unavailable if NST_DATABASE_URL can't be read.
    """
    found = _database_problems(settings)
    if (folder := blobs_folder(settings.blob_url)) is not None:
        setting = "NST_BLOBS" if settings.blobs else "NST_DATA"
        found = _problems(folder, _folders_in(folder), setting) | found
    yield from _sentences(found)


def _sentences(problems: dict[Path, str]) -> Iterator[str]:
    return (f"{path} {problem}" for path, problem in problems.items())


def _database_problems(settings: Settings) -> dict[Path, str]:
    """Return what is wrong with an SQLite file, with those beside it, or with its folder."""
    if (file := _database_file(settings)) is None:
        return {}
    files = [path for path in (Path(f"{file}{ending}") for ending in BESIDE) if _exists(path)]
    return _problems(file.absolute().parent, files, _database_setting(settings))


def _database_missing(settings: Settings) -> dict[Path, str]:
    """Return that there is no SQLite file, where the service had one."""
    file = _database_file(settings)
    if file is None or not opened.is_lost(file):
        return {}
    return {file: f"isn't there any more: was it moved away? See {_database_setting(settings)}"}


def _database_file(settings: Settings) -> Path | None:
    try:
        return database_file(settings.database)
    except ArgumentError:
        raise Unavailable("NST_DATABASE_URL is no URL of a database, as in sqlite:////srv/service.db") from None


def _database_setting(settings: Settings) -> str:
    return "NST_DATABASE_URL" if settings.database_url else "NST_DATA"


def _problems(folder: Path, inside: Sequence[Path], setting: str) -> dict[Path, str]:
    """Return what is wrong with a folder, or with the one in which it would be made; else with paths inside it."""
    there = next(path for path in (folder, *folder.parents) if _exists(path) or _leads_nowhere(path))
    problem = _why_not_writable(there, folder=True)
    if problem:
        made = "" if there == folder else f", so {folder} can't be made"
        return {there: f"{problem}{made}: see {setting}"}
    problems = {path: _why_not_writable(path, folder=path.is_dir()) for path in inside}
    return {path: f"{problem}: see {setting}" for path, problem in problems.items() if problem}


def _why_not_writable(path: Path, *, folder: bool) -> str:
    if folder and not path.is_dir():
        return "is a symbolic link that leads nowhere" if _leads_nowhere(path) else "is no folder"
    needed = os.R_OK | os.W_OK | (os.X_OK if folder else 0)
    lacking = [words for right, words in RIGHTS.items() if right & needed and not os.access(path, right)]
    return f"can't be {' or '.join(lacking)}: {_why_closed(path, needed)}" if lacking else ""


def _why_closed(path: Path, needed: int) -> str:
    """Return what keeps this process from a file or folder."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return "its file system is read-only"
    if _is_immutable(path):
        return "it has the attribute i (immutable), which chattr -i takes away"
    about, me = path.stat(), os.getuid()
    mode, is_ours = about.st_mode & 0o7777, about.st_uid == me
    is_our_groups = about.st_gid in {os.getgid(), *os.getgroups()}
    rights = mode >> (6 if is_ours else 3 if is_our_groups else 0)
    if rights & needed == needed:
        return f"its mode ({mode:o}) allows it, so an access control list or a security module forbids it"
    if is_ours:
        return f"its mode ({mode:o}) keeps its owner out, user {me}, whose process this is"
    return f"it belongs to user {about.st_uid} (mode {mode:o}), and this process is user {me}'s"


def _is_immutable(path: Path) -> bool:
    flags = bytearray(8)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.ioctl(descriptor, GET_FLAGS, flags)
    except OSError:  # a file system without attributes
        return False
    finally:
        os.close(descriptor)
    return bool(int.from_bytes(flags[:4], sys.byteorder) & IMMUTABLE)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name in FOLDERS and path.is_dir())
    except OSError:  # it isn't there, or is reported itself
        return []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above it is reported
        return False


def _leads_nowhere(path: Path) -> bool:
    try:
        return path.is_symlink() and not path.exists()
    except OSError:  # as above
        return False
