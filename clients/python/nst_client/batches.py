"""Batches: many pictures with one recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_client.files import write_whole
from nst_client.jobs import Cancelable, path_of
from nst_client.pages import pages
from nst_client.transfers import Transfer


@dataclass(frozen=True)
class BatchItem:
    """One picture of a batch: its place in `contents`, the transfer that paints it, and its problem if it failed."""

    index: int
    id: str
    status: str
    name: str | None
    error: Mapping[str, Any] | None


class Batch(Cancelable):
    """A batch. When all of its items have ended, it has succeeded if at least one of them has its picture.

    One that was canceled is `canceled`, also with pictures that were finished before.
    """

    collection = "/v1/batches"

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of items of each status."""
        counts: Mapping[str, int] = self.resource["counts"]
        return counts

    @property
    def fraction(self) -> float:
        """Share of the work that is done."""
        return float(self.resource["fraction"])

    def items(self) -> Iterator[BatchItem]:
        """Yield the items in the order of `contents`."""
        for item in pages(self._connection, f"{self.path}/items"):
            yield BatchItem(item["index"], item["id"], item["status"], item["name"], item["error"])

    def image(self, item: BatchItem, variant: int = 0) -> bytes:
        """Return the file of an item's picture, or of one of several. Raises Conflict while there is none."""
        return self._connection.picture(f"{path_of(Transfer.collection, item.id)}/image", {"variant": variant})

    def save_zip(self, path: str | os.PathLike[str]) -> Path:
        """Save all pictures that are there as one ZIP file, which keeps their names; return its path."""
        with self._connection.streamed(f"{self.path}/zip", "application/zip") as response:
            write_whole(Path(path), response.iter_raw())
        return Path(path)
