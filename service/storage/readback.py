"""Reading stored files back, compared with the SHA-256 in their row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from service.errors import BlobNotFound, DamagedFile, MissingFile
from service.storage.blobs import Blobs
from service.storage.stored_files import StoredFile, StoredImage


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
        raise _missing(key) from error
    if not has_digest(data, sha256):
        raise _damaged(key, len(data))
    return data


def pieces_back(blobs: Blobs, key: str, sha256: str) -> Iterator[bytes]:
    """Yield a file in pieces. Raises as `read_back`; DamagedFile after the last piece."""
    digest, size = hashlib.sha256(), 0
    try:
        for piece in blobs.pieces(key):
            digest.update(piece)
            size += len(piece)
            yield piece
    except BlobNotFound as error:
        raise _missing(key) from error
    if digest.hexdigest() != sha256:
        raise _damaged(key, size)


def _missing(key: str) -> MissingFile:
    return MissingFile(f"the file {key} is missing: it was removed behind the service's back")


def _damaged(key: str, size: int) -> DamagedFile:
    return DamagedFile(f"the file {key} is damaged: its {size} bytes are not those that were stored")


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

    def pieces(self) -> Iterator[bytes]:
        """Yield the file in pieces. Raises as `pieces_back`."""
        return pieces_back(self.blobs, self.stored.blob, self.stored.sha256)


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
