"""A data folder as a version before rows were dataclasses left it when it was killed.

rows_before.json holds its rows as they lay in SQLite, its files but for packs and JPEGs, and what its API said:
ended transfers (of several pictures and of one, and one that failed), a score, a transfer under way with a checkpoint
at its second picture, two that wait, and presets: of pictures, one of a pack, two that were to be warmed.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from service.storage.database import Database

BEFORE: dict[str, Any] = json.loads((Path(__file__).parent / "rows_before.json").read_text())
JOBS: list[dict[str, Any]] = BEFORE["rows"]["jobs"]
PRESETS: list[dict[str, Any]] = BEFORE["rows"]["presets"]


def job(kind: str, status: str, number: int = 0) -> dict[str, Any]:
    """The row of a job."""
    return [row for row in JOBS if (row["kind"], row["status"]) == (kind, status)][number]


def insert_rows(data: Path) -> None:
    """Put the rows into a new database, past the code that is tested."""
    file = data / "service.db"
    Database(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file)) as connection, connection:
        for table, rows in BEFORE["rows"].items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                values = [json.dumps(value) if isinstance(value, dict | list) else value for value in row.values()]
                connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", values)  # noqa: S608


def write_files(data: Path) -> None:
    for key, text in BEFORE["files"].items():
        path = data / "blobs" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(text))
