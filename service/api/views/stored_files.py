"""Results and files of jobs for the views: a file that is damaged on its disk is an error, and is never sent."""

from __future__ import annotations

from functools import partial

from service.api.auth import caller
from service.api.context import context
from service.decoding.formats import Head
from service.decoding.unread import Unread
from service.errors import BlobNotFound, DamagedFile, DatabaseFull, MissingFile, NotFound, NotReady
from service.jobs.files_in_use import remove_left
from service.jobs.request import TransferRequest, job_folder
from service.pictures.images import FORMATS
from service.storage.kinds import TRANSFER
from service.storage.readback import is_whole_jpeg, read_back
from service.storage.records import ENDED, PaintedPicture, TransferResult
from service.storage.schema import JobRow
from service.storage.stored_files import StoredFile
from service.storage.unsaved import remove_unsaved


def result_of(job: JobRow) -> TransferResult:
    """Return the result of a transfer. Raises NotReady."""
    if (result := job.transfer_result) is None:
        partial = "; /preview has what there is of it" if job.preview else ""
        raise NotReady(f"there is no picture: the transfer is {job.status}{partial}")
    return result


def picture_of(job: JobRow, variant: int | None) -> PaintedPicture:
    """Return one of a transfer's pictures; None is the first one of a whole result. Raises NotReady or NotFound."""
    pictures = result_of(job).pictures if variant is None else job.finished_pictures
    count = len(TransferRequest.of(job).paintings)
    if (index := variant or 0) < len(pictures):
        return pictures[index]
    if index < count:
        ended = f"; the transfer is {job.status}" if job.status in ENDED else ""
        raise NotReady(f"picture {index} isn't finished: {len(pictures)} of {count} are{ended}")
    raise NotFound(f"there is no variant {index}: there are {count}, counted from 0")


def transfer_file(id: str, file: StoredFile) -> bytes:
    """Return a file of a transfer.

    Raises:
        NotFound: the transfer was deleted meanwhile.
        DamagedFile, MissingFile: the file has another SHA-256, or is missing.
    """
    try:
        return read_back(context().blobs, file.blob, file.sha256)
    except DamagedFile:
        context().queue.get(id, TRANSFER)
        raise


def unread_picture(id: str, picture: PaintedPicture) -> Unread:
    """Return a picture of a transfer for a decoder. To read it raises as `transfer_file`."""
    head = Head(FORMATS[picture.media_type].upper(), picture.width * picture.height)
    return Unread(picture.sha256, head, partial(transfer_file, id, picture))


def job_preview(id: str, kind: str, blob: str) -> bytes:
    """Return a JPEG of a job whose digest no row holds: a preview is overwritten again and again.

    Raises:
        NotFound: the job was deleted meanwhile.
        DamagedFile, MissingFile: the file isn't a whole JPEG, or is missing.
    """
    try:
        data = context().blobs.get(blob)
    except BlobNotFound as error:
        context().queue.get(id, kind)
        raise MissingFile(f"the file {blob} is missing") from error
    if not is_whole_jpeg(data):
        raise DamagedFile(f"the file {blob} is damaged: it is no whole JPEG")
    return data


def remove_left_files() -> None:
    """Remove the files that the caller's tenant has left, after the transaction that let them go."""
    remove_left(context().database, context().blobs, caller().tenant)


def delete_job(id: str, kind: str) -> None:
    """Cancel a job of this kind, and remove it and its files. Raises NotFound."""
    context().queue.get(id, kind)
    try:
        context().queue.delete(id)
    except DatabaseFull:  # a full database can't delete a row before there is room
        context().blobs.delete_all(job_folder(id))
        context().queue.delete(id)
    remove_unsaved(context().blobs, [job_folder(id)])
