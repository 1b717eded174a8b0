"""Files that are there as a whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file beside its place, and move it there once it is complete; its folder is made if it is missing.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path.parent)
    try:
        with part.open("xb") as file:
            for piece in pieces:
                file.write(piece)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def try_place(path: Path) -> None:
    """Try whether a file could be written, in its folder or the nearest one that is there. Raises OSError."""
    part = _part(next(folder for folder in path.absolute().parents if folder.exists()))
    part.touch(exist_ok=False)
    part.unlink()


def _part(folder: Path) -> Path:
    return folder / f".{uuid.uuid4().hex}.part"
