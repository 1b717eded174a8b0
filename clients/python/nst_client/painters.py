"""Painters: the networks that presets learn, which paint in one pass."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_client.connection import BINARY, Connection
from nst_client.errors import JobFailed
from nst_client.files import write_whole
from nst_client.jobs import Previewed, path_of
from nst_client.styles import STYLES


class Painter(Previewed):
    """The painter of a preset, with its newest learning, for whose end `wait` and `events` wait.

    While it learns, and where that failed, an earlier painter of the preset stays in use.
    """

    collection = STYLES

    def __init__(self, connection: Connection, style: str, resource: Mapping[str, Any]) -> None:
        super().__init__(connection, resource)
        self.style = style

    @property
    def id(self) -> str:
        """The name of its preset."""
        return self.style

    @property
    def path(self) -> str:
        return painter_path(self.style)

    @property
    def has_ended(self) -> bool:
        return self.status not in ("queued", "learning")

    @property
    def has_succeeded(self) -> bool:
        return self.status == "ready" and self.resource["error"] is None

    @property
    def failure(self) -> JobFailed:
        return JobFailed.of_job(self.id, self.resource["error"] or {"title": f"{self.style} has no painter"})

    @property
    def fraction(self) -> float:
        """Share of the learning that is done."""
        return float(self.resource["fraction"])

    def save_model(self, path: str | os.PathLike[str]) -> Path:
        """Save it as an ONNX file for other programs; return the file's path. Raises Conflict if there is none."""
        write_whole(Path(path), [self._connection.file(f"{self.path}/model", BINARY)])
        return Path(path)

    def delete(self) -> None:
        """End the learning, and remove the painter: it can't be had back."""
        super().delete()


def painter_path(style: str) -> str:
    """Return the path of a preset's painter."""
    return f"{path_of(STYLES, style)}/painter"
