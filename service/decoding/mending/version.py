"""A file as it is given to Pillow in place of one that came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """A file to be read.

    Attributes:
        data: the file, with an end of our own if its own is missing.
        other: the file with a different end of our own. Where both ends give the same pixels, none of these came from
            the end, so no pixel is missing. None where nothing has to be compared.
    """

    data: bytes
    other: bytes | None = None


Versions = Iterator[Version]
"""Files to be tried one after the other; each is only made if the ones before couldn't be read."""
