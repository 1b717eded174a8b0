"""The digest that names a model, without loading it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from service.errors import ModelUnavailable


def model_sha256(path: Path) -> str:
    """Return the SHA-256 of a model file, read anew only where the file has changed.

    Raises:
        ModelUnavailable: there is no such file.
    """
    try:
        about = path.stat()
        return _sha256(path, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise ModelUnavailable(f"the model {path} can't be read: {error.strerror}") from error


@lru_cache(maxsize=4)
def _sha256(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
