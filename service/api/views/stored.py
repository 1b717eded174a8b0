"""Files of transfers for the views: a file that was damaged on its disk is an error, and is never sent."""

from __future__ import annotations

from service.api.context import context
from service.errors import BlobNotFound, DamagedFile, MissingFile
from service.storage.kinds import TRANSFER
from service.storage.pictures import StoredFile
from service.storage.readback import is_whole_jpeg, read_back


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
