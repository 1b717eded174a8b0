"""A file as it is given to Pillow in place of one that came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """A file to be read.

    Attributes:
        data: the file.
        other: the same file with something else where the end is missing. If this gives other pixels, then pixels
            are missing; None where that is known already.
    """

    data: bytes
    other: bytes | None = None


Versions = Iterator[Version]
"""Files to be tried one after the other; each is only made if the ones before couldn't be read."""
