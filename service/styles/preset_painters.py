"""Painters of presets: which one a preset has, and which job is teaching the next."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.storage.blob_folders import PAINTERS, folder_of
from service.storage.blobs import Blobs
from service.storage.database import Database, advisory_lock, read_clock
from service.storage.left import Left, leave, note
from service.storage.preset_schema import PresetRow, PresetState, PresetVersionRow
from service.storage.readback import read_back
from service.storage.records import PresetPainter
from service.storage.schema import DEFAULT_TENANT, MarkRow
from service.storage.stored_files import StoredFile
from service.storage.tenant_amounts import SUBMIT_LOCK
from service.storage.typed_json import Json
from service.storage.unsaved import remove_unsaved, removed_if_undone
from service.styles.preset_checks import CheckState, check_none, locked_preset
from service.styles.preset_tasks import CancelJobs, cancel_none


@dataclass(frozen=True, eq=False)
class PackedPainter:
    """A painter that nobody here taught: the file of its weights, and its record, which has no keys of files yet."""

    data: bytes
    record: PresetPainter

    def stored(self, id: str) -> PresetPainter:
        """Return the record of a painter whose folder has this id."""
        return replace(self.record, blob=painter_blob(id, "weights.safetensors"))


class PresetPainters:
    """The painters of presets. A painter's files are written before the preset's row refers to them.

    Where a method takes a preset's name, the preset is one of `tenant`. Its `check` raises where the caller may not
    change that as it is then. `cancel` ends learnings that others replace.
    """

    def __init__(
        self, database: Database, blobs: Blobs, cancel: CancelJobs = cancel_none, tenant: str = DEFAULT_TENANT
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._cancel = cancel
        self._tenant = tenant

    def of(self, tenant: str) -> PresetPainters:
        """Return the painters as another tenant may change them."""
        return PresetPainters(self._database, self._blobs, self._cancel, tenant)

    def begin(
        self, name: str, submit: Callable[[Session, PresetRow], str], check: CheckState = check_none
    ) -> PresetRow:
        """Begin to teach a preset, and cancel the learning before; return the preset's row. Raises NotFound.

        `submit` adds the job, in the transaction of the preset's row, and returns its id.
        """
        with self._database.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)  # before the row, as a PUT of a preset takes them
            row = locked_preset(session, self._tenant, name, check)
            self._end_learning(session, row)
            row.learning = submit(session, row)
        return row

    def put(self, version: str, job: str, painter: PresetPainter, hold: Callable[[Session], None]) -> bool:
        """Give a preset the painter that a job made; it may have another name by now.

        A job that was broken off after it had done so may give its painter once more. `hold` keeps the job from other
        workers for the transaction; it raises where one has it already, who may have removed the painter's files.

        Return False, and change nothing, where the preset is gone, has other pictures by now or learns anew.
        """
        with self._database.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)  # a job that needs the one before looks whether its files are left
            row = session.scalar(select(PresetRow).where(PresetRow.version == version).with_for_update())
            if row is None or row.learning != job:
                note(session, {painter_folder(job)} - set(painter_folders(row) if row else ()))
                return False
            hold(session)
            _let_go(session, row, but=painter_folder(job))
            row.painter = painter
            row.bytes += painter.counted
        return True

    def given(self, version: str, job: str) -> PresetPainter | None:
        """Return the painter that a job gave to a preset in an attempt before; None where it didn't."""
        with self._database.reading() as session:
            row = _taught(session, version, job)
            return row.painter if row and painter_folder(job) in painter_folders(row) else None

    def tidy(self, version: str, job: str, left: Iterable[str]) -> None:
        """Remove files that attempts before at a learning have stored, but for a painter that the preset got.

        Nothing refers to the others. Nothing is done where the job doesn't teach the preset any more. `left` are the
        keys of the files. Raises StorageError.
        """
        with self._database.reading() as session:
            row = _taught(session, version, job)
            named = {row.painter.blob, row.painter.onnx} if row and row.painter else set()
        for key in left if row else ():
            if key not in named:
                self._blobs.delete(key)

    def has(self, version: str, painter: StoredFile | None) -> bool:
        """Return whether a preset has this painter still."""
        return self._found(version, painter) is not None

    def has_model(self, version: str, painter: StoredFile) -> bool:
        """Return whether a preset has this painter still, with its ONNX file."""
        found = self._found(version, painter)
        return found is not None and found.onnx != ""

    def _found(self, version: str, painter: StoredFile | None) -> PresetPainter | None:
        with self._database.reading() as session:
            found = session.scalar(select(PresetRow.painter).where(PresetRow.version == version))
        return found if found and painter and found.blob == painter.blob else None

    def judge(self, version: str, painter: StoredFile | None, judged: Json) -> None:
        """Enter a painter's losses beside the optimiser's; nothing happens where the preset has another by now."""
        with self._database.writing() as session:
            row = session.scalar(select(PresetRow).where(PresetRow.version == version).with_for_update())
            if row is not None and row.painter is not None and painter and row.painter.blob == painter.blob:
                row.painter = replace(row.painter, judged=judged)

    def marked(self, marks: Collection[str]) -> set[str]:
        """Return those of the marks that `put_once` has written."""
        with self._database.reading() as session:
            return set(session.scalars(select(MarkRow.name).where(MarkRow.name.in_(marks))))

    def put_once(self, mark: str, name: str, painter: PackedPainter, fits: Callable[[PresetRow], bool]) -> bool:
        """Give a preset a painter, once in the database's life; return whether it did.

        Only the mark is written if the preset is gone, has or learns a painter already, or `fits` refuses it.
        """
        id = uuid.uuid4().hex
        stored, folder = painter.stored(id), painter_folder(id)
        with removed_if_undone(self._blobs, [folder]):
            self._blobs.put(stored.blob, painter.data)
            if self._add_once(mark, name, stored, fits):
                return True
        remove_unsaved(self._blobs, [folder])
        return False

    def _add_once(self, mark: str, name: str, painter: PresetPainter, fits: Callable[[PresetRow], bool]) -> bool:
        with self._database.writing() as session:
            advisory_lock(session, mark)
            if session.get(MarkRow, mark):
                return False
            session.add(MarkRow(name=mark, made_at=read_clock(session)))
            row = session.get(PresetRow, (self._tenant, name), with_for_update=True)
            if row is None or row.painter is not None or row.learning is not None or not fits(row):
                return False
            row.painter = painter
            row.bytes += painter.counted
        return True

    def add_model(
        self, version: str, weights: StoredFile, model: StoredFile, size: int, hold: Callable[[Session], None]
    ) -> bool:
        """Give the painter of a preset that has these weights its ONNX file of `size` bytes.

        `hold` is as for `put`. Return False where the preset is gone or has other weights by now.
        """
        with self._database.writing() as session:
            row = session.scalar(select(PresetRow).where(PresetRow.version == version).with_for_update())
            if row is None or row.painter is None or row.painter.blob != weights.blob:
                return False
            hold(session)
            row.painter = replace(row.painter, onnx=model.blob, onnx_sha256=model.sha256, bytes=size)
        return True

    def remove(self, name: str, check: CheckState = check_none) -> None:
        """Take a preset's painter away, and cancel its learning.

        Raises NotFound where there is no such preset, or it has neither a painter nor a learning.
        """
        with self._database.writing() as session:
            advisory_lock(session, SUBMIT_LOCK)  # as in `put`
            row = locked_preset(session, self._tenant, name, check)
            if row.painter is None and row.learning is None:
                raise NotFound(f"the preset {name!r} has no painter")
            self._end_learning(session, row)
            _let_go(session, row)

    def _end_learning(self, session: Session, row: PresetRow) -> None:
        if row.learning is not None:
            self._cancel(session, [row.learning])
            row.learning = None

    def weights(self, painter: PresetPainter) -> bytes:
        """Return the file of a painter's weights. Raises DamagedFile, BlobNotFound."""
        return read_back(self._blobs, painter.blob, painter.sha256)

    def model(self, painter: PresetPainter) -> bytes:
        """Return a painter's ONNX file. Raises StorageError: MissingFile, or DamagedFile if it was changed."""
        return read_back(self._blobs, painter.onnx, painter.onnx_sha256)


def painter_blob(id: str, name: str) -> str:
    """Return the key of a file of a painter; `id` is that of the job that made it, or one of its own."""
    return f"{painter_folder(id)}/{name}"


def painter_folder(id: str) -> str:
    """Return the folder of a painter's files."""
    return f"{PAINTERS}/{id}"


def painter_folders(row: PresetState) -> list[str]:
    """Return the folders of a preset's painter: one, or none."""
    return [folder_of(row.painter.blob)] if row.painter else []


def painter_left(row: PresetRow | PresetVersionRow) -> list[Left]:
    """Return what is left of a preset's painter when it goes."""
    counted = row.painter.counted if row.painter else 0
    return [Left(folder, row.tenant, row.owner, counted) for folder in painter_folders(row)]


def _taught(session: Session, version: str, job: str) -> PresetRow | None:
    """Return the row of the preset that a job teaches."""
    row: PresetRow | None = session.scalar(
        select(PresetRow).where(PresetRow.version == version, PresetRow.learning == job)
    )
    return row


def _let_go(session: Session, row: PresetRow, but: str = "") -> None:
    """Take a preset's painter from its row, if there is one; the folder `but` keeps its files."""
    leave(session, [left for left in painter_left(row) if left.folder != but])
    row.bytes -= row.painter.counted if row.painter else 0
    row.painter = None
