"""A picture file whose bytes are only read once there is a decoder for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from service.decoding.formats import Head, head_of
from service.pictures.images import digest


@dataclass(frozen=True)
class Unread:
    """A picture file, and what is known of it before its bytes are read.

    Attributes:
        sha256: of its bytes.
        head: its format and its number of pixels.
        read: returns its bytes. It is called again if the file is decoded again.
    """

    sha256: str
    head: Head
    read: Callable[[], bytes]

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return a file whose bytes are in memory already."""
        return cls(digest(data), head_of(data), lambda: data)
