"""Text columns for words from outside: other hosts, libraries and the system may say what PostgreSQL can't store."""

from __future__ import annotations

from sqlalchemy import Dialect, String, TypeDecorator

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


class ForeignText(TypeDecorator[str]):
    """A text column in which each character that can't be printed is written as U+FFFD.

    Among these are NUL, which PostgreSQL refuses, and halves of characters (lone surrogates), which no database
    takes.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return "".join(letter if letter.isprintable() else UNPRINTABLE for letter in value)


FOREIGN = ForeignText()
