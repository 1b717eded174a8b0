"""The blobs that rows name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import load_only

from service.jobs.request import blobs, job_folder
from service.storage.database import Transaction
from service.storage.kinds import FOLLOWING, LEARN
from service.storage.preset_schema import PresetRow, PresetState, PresetVersionRow
from service.storage.records import ENDED
from service.storage.schema import JobRow
from service.styles.preset_files import thumbnail_key

BATCH = 1000  # rows that are in memory at a time
NAMING = (
    JobRow.id,
    JobRow.kind,
    JobRow.status,
    JobRow.request,
    JobRow.result,
    JobRow.preview,
    JobRow.checkpoint,
    JobRow.usage,
)


@dataclass(frozen=True)
class NamedBlob:
    """A blob by its key.

    Attributes:
        needed: whether something can't be done or shown without it.
        is_overwritten: whether a worker goes on writing newer ones under this key.
    """

    key: str
    needed: bool
    is_overwritten: bool = False


def named_blobs(session: Transaction) -> Iterator[NamedBlob]:
    """Yield the blobs that the rows of jobs, presets and their former states name, some of them several times."""
    for job in session.scalars(select(JobRow).options(load_only(*NAMING)).execution_options(yield_per=BATCH)):
        yield from filter(_is_stored, _of_job(job))
    for preset in session.scalars(select(PresetRow).execution_options(yield_per=BATCH)):
        yield from filter(_is_stored, _of_preset(preset))
    for former in session.scalars(select(PresetVersionRow).execution_options(yield_per=BATCH)):
        yield from filter(_is_stored, _of_preset(former))


def _is_stored(blob: NamedBlob) -> bool:
    return blob.key != ""  # the pictures of a preset that came as a pack have no files


def _of_job(job: JobRow) -> Iterator[NamedBlob]:
    """Yield a job's blobs.

    An ended job needs only its own files, an ended learning none. A judging or a comparison never needs any.
    """
    ended, runs, own = job.status in ENDED, job.status == "running", f"{job_folder(job.id)}/"
    for key in (*blobs(job.request), *blobs(job.result)):
        keeps = not ended or (key.startswith(own) and job.kind != LEARN)
        yield NamedBlob(key, keeps and job.kind not in FOLLOWING)
    if job.result and isinstance(sheet := job.result.get("sheet"), str):
        yield NamedBlob(sheet, needed=True)
    if job.preview:
        yield NamedBlob(job.preview.blob, needed=False, is_overwritten=runs)
    if not job.result:
        yield from (NamedBlob(picture.blob, needed=True) for picture in job.finished_pictures)
    if job.checkpoint and job.checkpoint.blob and not ended:
        yield NamedBlob(job.checkpoint.blob, needed=False, is_overwritten=runs)


def _of_preset(preset: PresetState) -> Iterator[NamedBlob]:
    yield NamedBlob(thumbnail_key(preset.version), needed=False)
    for image in preset.images:
        yield NamedBlob(image.file.blob, needed=True)
    if preset.pack:
        yield NamedBlob(preset.pack.blob, needed=True)
    if preset.painter:
        yield NamedBlob(preset.painter.blob, needed=True)
        yield NamedBlob(preset.painter.onnx, needed=True)
