"""Transfers: pictures that the service paints."""

from __future__ import annotations

import os
from pathlib import Path

from nst_client.files import write_whole
from nst_client.jobs import Cancelable, Previewed

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""Endings of files, and the formats that they stand for."""


class Transfer(Cancelable, Previewed):
    """A transfer: a content image that is painted in one or more styles."""

    collection = "/v1/transfers"

    @property
    def fraction(self) -> float:
        """Share of the work that is done."""
        return float(self.resource["progress"]["fraction"])

    @property
    def variants(self) -> int:
        """Number of its pictures; 0 before it has succeeded."""
        return len((self.resource["result"] or {}).get("variants", ()))

    def image(self, variant: int | None = None, media_type: str = "*/*") -> bytes:
        """Return the file of the picture, as it was made or in another format (`image/png`, `jpeg`, `webp`).

        `variant` is the number of one of several pictures, from 0.

        Raises:
            Conflict: there is no picture yet.
        """
        query = {} if variant is None else {"variant": variant}
        return self._connection.picture(f"{self.path}/image", query, media_type)

    def save(self, path: str | os.PathLike[str], variant: int | None = None) -> Path:
        """Save the picture, in the format that the file's name asks for; return the file's path.

        A file that is there is replaced, once the new one is complete.

        Raises:
            Conflict: there is no picture yet.
            OSError: the file can't be written.
        """
        file = Path(path)
        format = FORMATS.get(file.suffix.lower())
        write_whole(file, [self.image(variant, f"image/{format}" if format else "*/*")])
        return file
