"""Painters of presets: which one a preset has, and which job is teaching the next."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.storage.blobs import Blobs
from service.storage.database import Database
from service.storage.left import leave
from service.storage.readback import read_back
from service.storage.records import PresetPainter
from service.storage.schema import PresetRow

FOLDER = "painters"


class PresetPainters:
    """The painters of presets. A painter's files are written before the preset's row refers to them."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database = database
        self._blobs = blobs

    def begin(self, name: str, submit: Callable[[Session, PresetRow], str]) -> tuple[PresetRow, str | None]:
        """Begin to teach a preset: `submit` adds the job, in the transaction of the preset's row, and returns its id.

        Return the row, and the id of the learning before, if there was one. Raises NotFound.
        """
        with self._database.writing() as session:
            row = _locked(session, name)
            before, row.learning = row.learning, submit(session, row)
        return row, before

    def put(self, name: str, version: str, job: str, painter: PresetPainter) -> bool:
        """Give a preset the painter that a job made.

        Return False, and change nothing, where the preset is gone, has other pictures by now or learns anew.
        """
        with self._database.writing() as session:
            row = session.scalar(select(PresetRow).where(PresetRow.name == name).with_for_update())
            if row is None or row.version != version or row.learning != job:
                return False
            if row.painter is None or row.painter.blob != painter.blob:
                leave(session, painter_folders(row))
            row.painter = painter
        return True

    def remove(self, name: str) -> str | None:
        """Take a preset's painter away; return the id of its learning, if there was one.

        Raises NotFound where there is no such preset, or it has neither a painter nor a learning.
        """
        with self._database.writing() as session:
            row = _locked(session, name)
            if row.painter is None and row.learning is None:
                raise NotFound(f"the style {name!r} has no painter")
            leave(session, painter_folders(row))
            learning, row.painter, row.learning = row.learning, None, None
        return learning

    def model(self, painter: PresetPainter) -> bytes:
        """Return a painter's ONNX file. Raises StorageError: MissingFile, or DamagedFile if it was changed."""
        return read_back(self._blobs, painter.onnx, painter.onnx_sha256)


def painter_blob(job: str, name: str) -> str:
    """Return the key of a file of the painter that a job makes."""
    return f"{FOLDER}/{job}/{name}"


def painter_folders(row: PresetRow) -> list[str]:
    """Return the folders of a preset's painter: one, or none."""
    return [row.painter.blob.rpartition("/")[0]] if row.painter else []


def _locked(session: Session, name: str) -> PresetRow:
    row = session.scalar(select(PresetRow).where(PresetRow.name == name).with_for_update())
    if row is None:
        raise NotFound(f"there is no style {name!r}")
    return row
