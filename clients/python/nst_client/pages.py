"""Lists, which the service gives in pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nst_client.connection import Connection

ITEMS = 100  # on a page


def pages(connection: Connection, path: str, **query: str) -> Iterator[Mapping[str, Any]]:
    """Yield the items of all pages, each page read when it is needed."""
    cursor: dict[str, str] = {}
    while True:
        page = connection.read(path, {"limit": ITEMS, **query, **cursor})
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}
