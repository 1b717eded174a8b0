"""Reading stored files back, compared with the SHA-256 in their row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from service.errors import BlobNotFound, DamagedFile, MissingFile
from service.storage.blobs import Blobs
from service.storage.pictures import StoredFile, StoredImage


def read_back(blobs: Blobs, key: str, sha256: str) -> bytes:
    """Read a file and check its SHA-256.

    Raises:
        DamagedFile: it has other bytes than were stored.
        MissingFile: there is none.
        StorageError: it can't be read.
    """
    try:
        data = blobs.get(key)
    except BlobNotFound as error:
        raise MissingFile(f"the file {key} is missing: it was removed behind the service's back") from error
    if not has_digest(data, sha256):
        raise DamagedFile(f"the file {key} is damaged: its {len(data)} bytes are not those that were stored")
    return data


@dataclass(frozen=True)
class BlobFile:
    """A stored file with the store that it is read from."""

    blobs: Blobs
    stored: StoredFile

    @property
    def sha256(self) -> str:
        return self.stored.sha256

    def read(self) -> bytes:
        """Read the file. Raises as `read_back`."""
        return read_back(self.blobs, self.stored.blob, self.stored.sha256)


@dataclass(frozen=True)
class BlobImage(BlobFile):
    """A stored image with the store that it is read from."""

    stored: StoredImage

    @property
    def width(self) -> int:
        return self.stored.width

    @property
    def height(self) -> int:
        return self.stored.height


def is_whole_jpeg(data: bytes) -> bool:
    """Return whether a JPEG has its start and end markers: the only check for a file without a known digest."""
    return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")


def has_digest(data: bytes, sha256: str | None) -> bool:
    """Return whether the bytes have this SHA-256 (hexadecimal)."""
    return hashlib.sha256(data).hexdigest() == sha256
