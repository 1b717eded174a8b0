"""The client: one service, and what can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nst_client.batches import Batch
from nst_client.connection import ANSWER_S, BINARY, Connection
from nst_client.files import write_whole
from nst_client.jobs import path_of
from nst_client.pages import pages
from nst_client.painters import Painter, painter_path
from nst_client.patience import PATIENCE_S, OnWait
from nst_client.pictures import Parts, Picture
from nst_client.scores import Score
from nst_client.styles import STYLES, Style
from nst_client.transfers import Transfer

Json = Mapping[str, Any]

BATCH_ANSWER_S = 330.0  # the service reads the pictures of a batch for 300 s, and the last one a little longer
URL = "http://127.0.0.1:8000"  # where `python -m service serve` listens


class Client:
    """One service at a URL, with a key if it asks for one.

    All methods raise Problem if the service answers with an error, Unreachable if it doesn't answer, NotUnderstood if
    the answer isn't its own, and OSError if a picture's file can't be read. What failed in passing is repeated, for
    `patience_s` seconds at most; `on_wait` is called with the error before the first repeat. Repeats of a POST have
    one Idempotency-Key, so they never make a second job. May be used by several threads.
    """

    def __init__(
        self, url: str = URL, key: str | None = None, patience_s: float = PATIENCE_S, on_wait: OnWait | None = None
    ) -> None:
        self._connection = Connection(url, key, patience_s=patience_s, on_wait=on_wait)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Iterators and jobs of this client can't be used any more."""
        self._connection.close()

    def transfer(
        self,
        content: Picture,
        preset: str | None = None,
        *,
        styles: Sequence[Json] | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Transfer:
        """Submit a transfer, and return it at once.

        Args:
            content: the picture to be painted: path, bytes or address.
            preset: name of the preset to paint it in, in place of `styles`.
            styles: the styles to be mixed, as in `{"preset": "mosaic", "weight": 2}` or `{"image": "painting.jpg"}`.
            idempotency_key: a key under which this call can be repeated, also by another process, for 24 hours.
            options: all else that a transfer takes: `size`, `strength`, `variants`, `callback_url` and so on.
        """
        body = {"content": content, "styles": _styles(preset, styles)} | options
        return Transfer(self._connection, self._post(Transfer.collection, body, idempotency_key))

    def get_transfer(self, id: str) -> Transfer:
        """Return a transfer that was submitted before."""
        return Transfer(self._connection, self._connection.read(path_of(Transfer.collection, id)))

    def transfers(self, status: str | None = None) -> Iterator[Transfer]:
        """Yield transfers, newest first; with `status` only those that have it."""
        query = {} if status is None else {"status": status}
        return (Transfer(self._connection, found) for found in pages(self._connection, Transfer.collection, **query))

    def batch(
        self,
        contents: Iterable[Picture],
        preset: str | None = None,
        *,
        styles: Sequence[Json] | None = None,
        idempotency_key: str | None = None,
        **options: Any,
    ) -> Batch:
        """Submit many pictures with one recipe, as `transfer` does with one picture; it waits until all are read."""
        body = {"contents": list(contents), "styles": _styles(preset, styles)} | options
        return Batch(self._connection, self._post(Batch.collection, body, idempotency_key, BATCH_ANSWER_S))

    def get_batch(self, id: str) -> Batch:
        """Return a batch that was submitted before."""
        return Batch(self._connection, self._connection.read(path_of(Batch.collection, id)))

    def batches(self, status: str | None = None) -> Iterator[Batch]:
        """Yield batches, newest first; with `status` only those that have it."""
        query = {} if status is None else {"status": status}
        return (Batch(self._connection, found) for found in pages(self._connection, Batch.collection, **query))

    def estimate(
        self, content: Picture, preset: str | None = None, *, styles: Sequence[Json] | None = None, **options: Any
    ) -> Json:
        """Return the cost of a transfer, its seconds and its place in the queue. Nothing is submitted."""
        return self._post("/v1/estimates", {"content": content, "styles": _styles(preset, styles)} | options)

    def usage(self, first: date | None = None, last: date | None = None, *, by_day: bool = False) -> Json:
        """Return what ended jobs have cost from the first day to the last one (UTC), by default in the last 30 days.

        `items` has a sum for each tenant, with `by_day` one for each of its days.
        """
        days = {name: day.isoformat() for name, day in (("from", first), ("to", last)) if day}
        return self._connection.read("/v1/usage", days | ({"by": "day"} if by_day else {}))

    def score(
        self,
        content: Picture,
        image: Picture,
        preset: str | None = None,
        *,
        styles: Sequence[Json] | None = None,
        **options: Any,
    ) -> Score:
        """Return the losses of a picture against a content image and styles. It waits for them."""
        body = {"content": content, "image": image, "styles": _styles(preset, styles)} | options
        return Score(self._connection, self._post(Score.collection, body)).wait()

    def styles(self) -> Iterator[Style]:
        """Yield all presets."""
        return map(Style, pages(self._connection, STYLES))

    def style(self, name: str) -> Style:
        """Return a preset."""
        return Style(self._connection.read(path_of(STYLES, name)))

    def save_style(self, name: str, *images: Picture | Json, **fields: Any) -> Style:
        """Save a preset. An image may be `{"image": …, "weight": …, "scale": …}`; fields are those of the API."""
        entries = [image if isinstance(image, Mapping) and "image" in image else {"image": image} for image in images]
        parts = Parts()
        body = parts.body({"images": entries} | fields)
        return Style(self._connection.put(path_of(STYLES, name), body, parts.files))

    def delete_style(self, name: str) -> None:
        """Remove a preset."""
        self._connection.delete(path_of(STYLES, name))

    def learn_painter(self, name: str, **fields: Any) -> Painter:
        """Teach a preset a painter, and return it at once: it takes the place of an earlier one when it is ready.

        Fields are those of the API: `photos` that it learns from too, `size` and `minutes`.
        """
        parts = Parts()
        body = parts.body(fields)
        return Painter(self._connection, name, self._connection.put(painter_path(name), body, parts.files))

    def painter(self, name: str) -> Painter:
        """Return the painter of a preset; its `status` is `none` if the preset never learned one."""
        return Painter(self._connection, name, self._connection.read(painter_path(name)))

    def export_pack(self, name: str, path: str | os.PathLike[str]) -> Path:
        """Save a preset with its painter as one file for other services, without its pictures; return its path."""
        write_whole(Path(path), [self._connection.file(f"{path_of(STYLES, name)}/pack", BINARY)])
        return Path(path)

    def import_pack(self, name: str, pack: str | os.PathLike[str] | bytes) -> Style:
        """Save a preset from a pack: a path, or the file's bytes. Raises Conflict if it belongs to another model."""
        data = pack if isinstance(pack, bytes) else Path(pack).read_bytes()
        return Style(self._connection.put_file(f"{path_of(STYLES, name)}/pack", data, BINARY))

    def _post(self, path: str, fields: Json, idempotency_key: str | None = None, answer_s: float = ANSWER_S) -> Json:
        parts = Parts()
        body = parts.body(fields)
        return self._connection.post(path, body, parts.files, idempotency_key, answer_s)


def _styles(preset: str | None, styles: Sequence[Json] | None) -> Sequence[Json] | None:
    """Return the `styles` of a body; None with a blend, or variants that have their own."""
    if preset is None:
        return styles
    if styles is not None:
        raise ValueError("give either preset or styles")
    return [{"preset": preset}]
