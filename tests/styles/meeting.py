"""A store at which two loaders meet."""

from __future__ import annotations

import threading

from service.storage.blobs import Blobs


class Together(Blobs):
    """A store that holds the first file of each of two loaders until both have one."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._both = threading.Barrier(2, timeout=20)
        self._seen: set[int] = set()

    def put(self, key: str, data: bytes) -> None:
        if threading.get_ident() not in self._seen:
            self._seen.add(threading.get_ident())
            self._both.wait()
        super().put(key, data)
