"""Files that earlier attempts at a job left behind; their names have the attempt's number, its fence."""

from __future__ import annotations

import re
import time

from service.storage.blobs import BlobInfo, Blobs

_NAME = re.compile(r"[a-z]+-(\d+)[-.][^/]*$")  # as in checkpoint-3-0 or preview-3.jpg


def left_behind(blobs: Blobs, folder: str, fence: int) -> list[BlobInfo]:
    """Return the files in a folder that attempts before this one wrote; remove those that they didn't finish.

    Files of later attempts aren't among them: this one may have lost the job meanwhile. Raises StorageError.
    """
    if fence == 1:
        return []
    blobs.remove_unfinished(time.time(), folder)
    found = [(_NAME.search(blob.key), blob) for blob in blobs.listing(folder)]
    return [blob for name, blob in found if name and int(name[1]) < fence]
