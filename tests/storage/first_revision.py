"""The database of the version before there were migrations, as SQL for each dialect."""

from __future__ import annotations

from pathlib import Path

OLD = (Path(__file__).parent / "revision_0001.sql").read_text()
WORDS: dict[str, dict[str, str | int]] = {
    "sqlite": {"double": "DOUBLE", "counter": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "false": 0, "true": 1},
    "postgresql": {"double": "DOUBLE PRECISION", "counter": "SERIAL PRIMARY KEY", "false": "false", "true": "true"},
}


def statements(dialect: str) -> list[str]:
    """Return the statements that make the tables and some rows."""
    return [statement for statement in OLD.format(**WORDS[dialect]).split(";\n") if statement.strip()]
