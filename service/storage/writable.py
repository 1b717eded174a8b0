"""Whether this process may write to the files and folders of database and blobs. Looking changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from service.config import Settings
from service.errors import Unavailable
from service.storage.disks import blobs_folder, database_file

OURS = (
    "grams",
    "jobs",
    "painters",
    "probe",
    "styles",
)  # a blob store's; a disk may have others
BESIDE = ("", "-wal", "-shm", "-journal")  # endings of SQLite's files


def check_writable(settings: Settings) -> None:
    """Raise Unavailable, which names each file or folder that can't be written to, and its setting."""
    if problems := list(write_problems(settings)):
        raise Unavailable("; ".join(problems))


def write_problems(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each file or folder of database and blobs that can't be written to.

    Raises Unavailable if NST_DATABASE_URL can't be read.
    """
    found: dict[Path, str] = {}
    try:
        file = database_file(settings.database)
    except ArgumentError:
        raise Unavailable("NST_DATABASE_URL is no URL of a database, as in sqlite:////srv/service.db") from None
    if file is not None:
        files = [path for path in (Path(f"{file}{ending}") for ending in BESIDE) if _exists(path)]
        setting = "NST_DATABASE_URL" if settings.database_url else "NST_DATA"
        found |= _problems(file.absolute().parent, files, setting)
    if (folder := blobs_folder(settings.blob_url)) is not None:
        setting = "NST_BLOBS" if settings.blobs else "NST_DATA"
        found = _problems(folder, _folders_in(folder), setting) | found
    for path, problem in found.items():
        yield f"{path} {problem}"


def _problems(folder: Path, inside: Sequence[Path], setting: str) -> dict[Path, str]:
    """Return what is wrong with a folder, or with the one in which it would be made; else with paths inside it."""
    there = next(path for path in (folder, *folder.parents) if _exists(path))
    problem = _why_not_writable(there, folder=True)
    if problem:
        made = "" if there == folder else f", so {folder} can't be made"
        return {there: f"{problem}{made}: see {setting}"}
    problems = {path: _why_not_writable(path, folder=path.is_dir()) for path in inside}
    return {path: f"{problem}: see {setting}" for path, problem in problems.items() if problem}


def _why_not_writable(path: Path, *, folder: bool) -> str:
    if folder and not path.is_dir():
        return "is no folder"
    if os.access(path, os.R_OK | os.W_OK | (os.X_OK if folder else 0)):
        return ""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return "can't be written to: its file system is read-only"
    about = path.stat()
    return (
        f"can't be written to: it belongs to user {about.st_uid} (mode {about.st_mode & 0o7777:o}), and this process "
        f"is user {os.getuid()}'s"
    )


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name in OURS and path.is_dir())
    except OSError:  # it isn't there, or is reported itself
        return []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder above it is reported
        return False
