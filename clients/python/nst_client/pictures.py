"""Pictures in a request's body: files become parts of a form, addresses stay addresses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

Picture: TypeAlias = str | os.PathLike[str] | bytes | Mapping[str, Any]
"""The path of a file, its bytes, an address (`https://…`, `s3://…`), or an image as the API has it."""

PICTURES = ("content", "image", "init", "mask", "style_mask", "protect", "strength_map")
LISTS_OF_PICTURES = ("contents", "photos")
LISTS_OF_OBJECTS = ("styles", "variants", "images")
OBJECTS = ("painter",)  # with pictures in them
INIT_NAMES = ("content", "random", "style")
SCHEMES = ("http://", "https://", "s3://")
DATA = "data:"


class Parts:
    """The files of one request, by the names of their parts, and the paths that they were read from."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.paths: list[Path] = []

    def body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields as the API takes them. Fields that are None are left out.

        Raises OSError if a file can't be read.
        """
        return {name: self._field(name, value) for name, value in fields.items() if value is not None}

    def _field(self, name: str, value: Any) -> Any:
        if name in LISTS_OF_OBJECTS + LISTS_OF_PICTURES and _is_list(value):
            return [self._entry(name, entry) for entry in value]
        if name in OBJECTS and isinstance(value, Mapping):
            return self.body(value)
        if name in PICTURES and not (name == "init" and value in INIT_NAMES):
            return self._picture(value)
        return value

    def _entry(self, name: str, entry: Any) -> Any:
        if name in LISTS_OF_PICTURES:
            return self._picture(entry)
        return self.body(entry) if isinstance(entry, Mapping) else entry

    def _picture(self, picture: Picture) -> Any:
        if isinstance(picture, bytes):
            return self._part("", picture)
        if isinstance(picture, str) and picture.lower().startswith(SCHEMES):
            return {"url": picture}
        if isinstance(picture, str) and picture[: len(DATA)].lower() == DATA:
            return picture
        if not isinstance(picture, str | os.PathLike):
            return picture
        path = Path(picture)
        self.paths.append(path)
        return self._part(path.name, path.read_bytes())

    def _part(self, file_name: str, data: bytes) -> str:
        """Add a file, and return the text that stands for it in the JSON."""
        name = f"picture{len(self.files)}"
        self.files[name] = (file_name or name, data)
        return f"file:{name}"


def _is_list(value: Any) -> bool:
    """Return whether a value is a list of any kind; what is none is left to the service, which refuses it."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
