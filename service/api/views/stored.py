"""Files of transfers, as the views send them: what was damaged on its disk is said, and neither sent nor kept."""

from __future__ import annotations

from service.api.context import context
from service.errors import BlobNotFound, DamagedFile, MissingFile
from service.storage.readback import is_whole_jpeg, read_back


def transfer_file(id: str, blob: str, sha256: str) -> bytes:
    """A file of a transfer that has that SHA-256.

    Raises:
        NotFound: the transfer was deleted meanwhile.
        DamagedFile: the file is another one, or missing.
    """
    try:
        return read_back(context().blobs, blob, sha256)
    except DamagedFile:
        context().queue.get(id, "transfer")
        raise


def transfer_preview(id: str, blob: str) -> bytes:
    """A JPEG of a transfer that is written over itself, so that no row can know its digest; raises as above."""
    try:
        data = context().blobs.get(blob)
    except BlobNotFound as error:
        context().queue.get(id, "transfer")
        raise MissingFile(f"the file {blob} is missing") from error
    if not is_whole_jpeg(data):
        raise DamagedFile(f"the file {blob} is damaged: it is no whole JPEG")
    return data
