"""Objects of other buckets than the blob store's, read with its credentials."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from service.errors import InvalidInput, StorageError
from service.storage.blobs import PATIENCE

SETTING = "NST_IMAGE_BUCKETS"
SCHEME = "s3://"
PIECE = 2**16  # bytes that are read at a time, at least

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_KEY = re.compile(r"(?!/)[^\x00-\x1f\x7f]{1,1024}")


class Buckets:
    """The buckets that callers' s3:// URLs may name. `blob_url` is that of the blob store, which none may be.

    Raises:
        InvalidInput: an entry is no name of a bucket, or is that of the blob store, where others' files are.
    """

    def __init__(self, names: Sequence[str], blob_url: str = "") -> None:
        for name in names:
            if not _BUCKET.fullmatch(name):
                raise InvalidInput.field(SETTING, f"{name!r}: must be the name of a bucket alone")
            if blob_url.removeprefix(SCHEME).split("/", 1)[0] == name and blob_url.startswith(SCHEME):
                raise InvalidInput.field(SETTING, f"{name!r}: is the bucket of NST_BLOBS, which holds others' files")
        self._names = tuple(names)
        self._stores: dict[str, ObjectStore] = {}

    def is_meant(self, url: str) -> bool:
        """Return whether a URL names an object of a bucket."""
        return url[: len(SCHEME)].lower() == SCHEME

    def check(self, url: str) -> None:
        """Raise InvalidInput, naming `url`, if it has no bucket and key, or another bucket than allowed."""
        bucket, key = _parts(url)
        if not self._names:
            raise InvalidInput.field("url", f"s3:// is off here: {SETTING} names no buckets")
        if bucket not in self._names:
            raise InvalidInput.field("url", f"its bucket is not among those of {SETTING}")
        if not _KEY.fullmatch(key):
            raise InvalidInput.field("url", "must be s3://bucket/key, with a key of 1 to 1024 characters")

    def read(self, url: str, take: Callable[[int], None], end: float) -> bytes:
        """Read an object; `take` is told its size before, and may raise.

        Raises:
            InvalidInput: the URL isn't allowed.
            StorageError: there is no such object, or it can't be read.
            TimeoutError: it isn't read at `end` (time.monotonic()), which is looked at between two pieces.
        """
        self.check(url)
        bucket, key = _parts(url)
        try:
            found = obstore.get(self._store(bucket), key)
            take(found.meta["size"])
            pieces = []
            for piece in found.stream(min_chunk_size=PIECE):
                if time.monotonic() >= end:
                    raise TimeoutError
                pieces.append(bytes(piece))
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise StorageError("an object of a caller's bucket could not be read") from error
        return b"".join(pieces)

    def _store(self, bucket: str) -> ObjectStore:
        if bucket not in self._stores:
            self._stores[bucket] = from_url(f"{SCHEME}{bucket}", retry_config=PATIENCE)
        return self._stores[bucket]


def _parts(url: str) -> tuple[str, str]:
    """Return the bucket and the key that an s3:// URL names."""
    bucket, _, key = url[len(SCHEME) :].partition("/")
    return bucket, key
