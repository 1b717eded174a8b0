"""The cache of Gram matrices: memory first, then the blobs that all workers share."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np
from cachetools import LRUCache
from safetensors import SafetensorError
from safetensors.numpy import load, save

from service.errors import BlobNotFound, StorageError
from service.network.safetensors_header import metadata_of
from service.storage.blobs import Blobs
from service.styles.extractor import Grams
from service.styles.gram_keys import GramKey
from service.telemetry.complaints import Complaint
from service.telemetry.instruments import style_grams

logger = logging.getLogger(__name__)

DIGEST = "sha256"  # key in a blob's metadata
FLOORS = 2  # times NST_DISK_FLOOR_MB that new blobs leave free: from once that on requests are refused


class GramCache:
    """A cache of two levels: at most `memory` bytes of Grams in this process, and safetensors blobs behind them.

    Blobs are written whole or not at all, and the same key always holds the same Grams, so workers that fill one
    key at once do no harm. Each blob has a digest of its key and its Grams. Blobs that don't match their digest, or
    have none (those of earlier versions), are computed anew.
    """

    def __init__(self, blobs: Blobs, memory: int) -> None:
        self._blobs = blobs
        self._kept: LRUCache[str, Grams] = LRUCache(memory, _size)
        self._complaint = Complaint(logger)

    @property
    def memory(self) -> int:
        """The bytes of Grams that this process keeps."""
        return int(self._kept.currsize)

    def forget(self) -> None:
        """Forget what this process keeps; the blobs stay."""
        self._kept.clear()

    def get(self, key: GramKey) -> Grams | None:
        """Return the Grams, or None where they have to be computed. Don't write to them: all callers share them."""
        if key.blob in self._kept:
            style_grams.labels("memory").inc()
            return self._kept[key.blob]
        grams = self._read(key)
        if grams is not None:
            style_grams.labels("blobs").inc()
            self._keep(key, grams, self._blobs.put)  # a new file counts as just used: the sweep takes the oldest
        return grams

    def put(self, key: GramKey, grams: Grams) -> None:
        """Keep Grams. If the blobs refuse them, they stay in memory alone: they can be computed again.

        Grams with a number that isn't finite are not kept at all.
        """
        if not all(np.isfinite(gram).all() for gram in grams.values()):
            logger.error("the Grams %s hold a number that isn't finite: not kept", key.blob)
            return
        self._keep(key, grams, partial(self._blobs.put_cached, floors=FLOORS))

    def _keep(self, key: GramKey, grams: Grams, put: Callable[[str, bytes], None]) -> None:
        with suppress(ValueError):  # they are larger than the whole cache
            self._kept[key.blob] = grams
        try:
            put(key.blob, save(grams, {DIGEST: _digest(key, grams)}))
        except StorageError as error:
            self._complaint.say("Grams are not kept beyond this process: %s", error.detail)

    def _read(self, key: GramKey) -> Grams | None:
        try:
            data = self._blobs.get(key.blob)
            grams, metadata = load(data), metadata_of(data)
        except BlobNotFound:
            return None
        except (SafetensorError, StorageError, ValueError, KeyError, TypeError) as error:
            logger.warning("cached Grams %s can't be read (%r): computing them anew", key.blob, error)
            return None
        if set(grams) != set(key.layers) or metadata.get(DIGEST) != _digest(key, grams):
            logger.warning("cached Grams %s are not what was written: computing them anew", key.blob)
            return None
        return grams


def _size(grams: Grams) -> int:
    return sum(gram.nbytes for gram in grams.values())


def _digest(key: GramKey, grams: Grams) -> str:
    """Return the SHA-256 of Grams and their key."""
    digest = hashlib.sha256(key.blob.encode())
    for layer, gram in sorted(grams.items()):
        digest.update(f"{layer} {gram.dtype} {gram.shape}".encode())
        digest.update(np.ascontiguousarray(gram).data)
    return digest.hexdigest()
