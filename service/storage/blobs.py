"""The blob store: files by key, in a local folder, in memory or in S3. A file is whole or not there at all."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from service.errors import BlobNotFound, BlobsFull, BlobsGone, StorageError
from service.machine.folders import make_private
from service.storage.blob_folders import PROBES
from service.storage.disks import RETRY_S, Disk, blobs_folder
from service.storage.opened import OpenedPath

if TYPE_CHECKING:
    from obstore.store import RetryConfig

IF_LOST = "If it is lost for good, this begins an empty one: python -m service accept-blobs --yes"
FULL = ("No space left", "Disk quota exceeded")
PROBE_OWNER = uuid.uuid4().hex  # no other machine's
PIECE = 2**20  # bytes of a blob that are read at a time: each piece is a request to a network store

PATIENCE: RetryConfig = {"retry_timeout": timedelta(seconds=10)}
"""Time limit of retries on a network store; obstore's default is 3 minutes."""


@dataclass(frozen=True)
class BlobInfo:
    """A blob in a listing: `size` in bytes, `modified` in seconds since 1970."""

    key: str
    size: int
    modified: float


class Blobs:
    """Blobs under one URL: file:///folder, memory:/// or s3://bucket/prefix.

    The bucket must exist. Its place and the credentials come from the environment, as with other S3 clients:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; for another S3 than Amazon's also AWS_ENDPOINT, and
    AWS_ALLOW_HTTP=true if that is no https.

    Args:
        expected: key of a blob that the folder must hold. Without it the folder counts as moved away, and is opened
            by the first call after it is back. If this is empty, a folder that isn't there is made.

    Attributes:
        floor: bytes that must be free on a local disk for anything to be stored for callers.
        cached: bytes that `put_cached` has written.

    Raises:
        StorageError: the store can't be opened, or a call on it fails; then nothing half-written is left.
        BlobsGone: a call finds the folder moved away. No call makes a new one in its place.
    """

    def __init__(self, url: str, *, expected: str = "") -> None:
        self._url, self._expected = url, expected
        self.floor = self.cached = 0
        self._folder = blobs_folder(url)
        self._disk = Disk(self._folder) if self._folder else None
        self._opened: OpenedPath | None = None
        self._store: ObjectStore | None = None
        if not self._lacks():
            self._open()

    def _open(self) -> ObjectStore:
        try:
            if self._folder is None:
                self._store = from_url(self._url, retry_config=PATIENCE)
            else:
                if not self._expected:
                    make_private(self._folder)
                store = LocalStore(self._folder, automatic_cleanup=True)
                self._opened = OpenedPath(self._folder)
                self._store = store  # the last step, as other threads take it for opened
            return self._store
        except (BaseError, ValueError, OSError) as error:
            setting = "; see NST_DATA and NST_BLOBS" if self._folder else ""
            raise StorageError(f"the blob store {self._url!r} can't be opened: {_reason(error)}{setting}") from error

    def _reached(self) -> ObjectStore:
        """Return the store; open it if its folder was not there before. Raises BlobsGone if it still isn't."""
        if self._store is not None:
            return self._store
        if trouble := self._lacks():
            raise self._gone(trouble)
        return self._open()

    def _lacks(self) -> str:
        """Return why a folder isn't the one that is expected; empty if it is."""
        if self._folder is None or not self._expected:
            return ""
        try:
            (self._folder / self._expected).stat()
        except OSError as error:
            lacked = f"its file {self._expected} can't be reached ({error.strerror})"
            return f"{lacked}: was it moved away, or isn't its disk mounted? {IF_LOST}"
        return ""

    def put(self, key: str, data: bytes) -> None:
        """Write a blob, replacing one with the same key; it is on disk when this returns.

        Raises BlobsFull if there is no room beyond what is kept for the database.
        """
        self.check_there()
        if (room := self.room()) is not None and room < len(data):
            raise _full(key, "No space left on device")
        try:
            obstore.put(self._reached(), key, data, use_multipart=False)
            if self._folder:
                _sync(self._folder, key)
        except (BaseError, OSError) as error:
            if any(words in str(error) for words in FULL):
                raise _full(key, _reason(error)) from error
            raise StorageError(f"the file {key} could not be written: {_reason(error)}") from error

    def put_cached(self, key: str, data: bytes, floors: int = 1) -> None:
        """Write a blob that can be made again, as `put` does.

        Raises BlobsFull already where it would leave less free than so many times the floor.
        """
        if self._disk and self._disk.free() - len(data) < floors * self._disk.floor(self.floor):
            raise _full(key, "the disk is nearly full (NST_DISK_FLOOR_MB)")
        self.put(key, data)
        self.cached += len(data)

    def room(self) -> int | None:
        """Return how many bytes of blobs can still be written; None if that isn't known."""
        return None if self._disk is None else max(0, self._disk.free() - self._disk.kept())

    def size(self) -> int:
        """Return the size of the blobs' disk in bytes; 0 if that isn't known."""
        return 0 if self._disk is None else self._disk.size()

    def size_of(self, key: str) -> int:
        """Return the size of a blob in bytes; 0 if there is none."""
        try:
            return int(obstore.head(self._reached(), key)["size"])
        except (NotFoundError, FileNotFoundError):
            return 0
        except (BaseError, OSError) as error:
            raise StorageError(f"the file {key} could not be looked at: {_reason(error)}") from error

    def get(self, key: str) -> bytes:
        """Read a blob. Raises BlobNotFound if there is none."""
        with self._reading(key):
            return bytes(obstore.get(self._reached(), key).bytes())

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield a blob in pieces of PIECE bytes, each of which is read when its turn comes.

        Nothing stays open in between, so they may be taken as slowly as one likes. Raises BlobNotFound if there is
        none.
        """
        with self._reading(key):
            size = obstore.head(self._reached(), key)["size"]
        for start in range(0, size, PIECE):
            with self._reading(key):
                piece = bytes(obstore.get_range(self._reached(), key, start=start, length=PIECE))
            yield piece

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except (NotFoundError, FileNotFoundError) as error:
            self.check_there()
            raise BlobNotFound(f"the file {key} is gone") from error
        except (BaseError, OSError) as error:
            raise StorageError(f"the file {key} could not be read: {_reason(error)}") from error

    def delete(self, key: str) -> None:
        """Remove a blob; it is no error if there is none."""
        try:
            obstore.delete(self._reached(), key)
        except (NotFoundError, FileNotFoundError):
            self.check_there()
        except (BaseError, OSError) as error:
            raise StorageError(f"the file {key} could not be removed: {_reason(error)}") from error

    def listing(self, prefix: str) -> Iterator[BlobInfo]:
        """Yield all blobs whose keys begin with the folder `prefix`."""
        self.check_there()
        try:
            for batch in obstore.list(self._reached(), prefix=prefix):
                for meta in batch:
                    yield BlobInfo(meta["path"], meta["size"], meta["last_modified"].timestamp())
        except (BaseError, OSError) as error:
            raise StorageError(f"the files in {prefix} could not be listed: {_reason(error)}") from error

    def delete_all(self, prefix: str) -> None:
        """Remove every blob under the folder `prefix`."""
        for blob in list(self.listing(prefix)):
            self.delete(blob.key)

    def remove_unfinished(self, before: float, prefix: str = "") -> None:
        """Remove unfinished files of killed processes, last written before that time (seconds since 1970).

        `prefix` is their folder, empty for all. Only a local store needs it: there a file is first written as
        `key#1`, which listings don't show.
        """
        found = os.walk(self._folder / prefix) if self._folder else ()
        for folder, _, names in found:  # a folder that vanishes is skipped
            for path in (Path(folder, name) for name in names if "#" in name):
                with suppress(OSError):  # it was finished or given up meanwhile, or can't be removed
                    if path.stat().st_mtime < before:
                        path.unlink()

    def check(self, size: int = 0) -> None:
        """Write, read and remove a blob of some bytes, or of `size`. Raises StorageError if one of them fails."""
        # threads and processes check at the same time
        key = f"{PROBES}/{PROBE_OWNER}-{os.getpid()}-{threading.get_ident()}"
        self.put(key, b"probe".ljust(size))
        try:
            self.get(key)
        finally:
            self.delete(key)

    def remove_probes(self, before: float) -> None:
        """Remove what killed processes left of a check, last written before that time (seconds since 1970)."""
        for blob in list(self.listing(PROBES)):
            if blob.modified < before:
                self.delete(blob.key)

    def check_there(self) -> None:
        """Raise BlobsGone if the folder was moved away. Costs one stat call."""
        self._reached()
        if self._opened and (trouble := self._opened.trouble()):
            raise self._gone(trouble)

    def _gone(self, trouble: str) -> BlobsGone:
        detail, said = f"the blob store {self._folder} is gone: {trouble}", f"the blob store is gone: {trouble}"
        return BlobsGone(detail, said=said)


def _full(key: str, reason: str) -> BlobsFull:
    return BlobsFull(f"the file {key} could not be written: {reason}", retry_after=RETRY_S)


def _reason(error: Exception) -> str:
    return str(error).split("\n", 1)[0]  # the store's own debug output follows


def _sync(folder: Path, key: str) -> None:
    # The store renames a finished file into place but leaves it, and the folders it makes, to the page cache.
    path = folder / key
    for place in (path, *path.parents[: len(Path(key).parts)]):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
