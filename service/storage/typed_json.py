"""JSON columns that are read as dataclasses, so that no other module spells the keys of a row."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar

from sqlalchemy import JSON, Dialect, TypeDecorator

logger = logging.getLogger(__name__)

Json: TypeAlias = dict[str, Any]
"""A JSON object as the database gives it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Record:
    """Base of dataclasses that a row holds as a JSON object with a key for each field."""

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Self:
        """Read a row of any version: a missing key or null gets the field's default, an unknown key is skipped."""
        return cls(**{name: json[name] for name in cls.__dataclass_fields__ if json.get(name) is not None})

    def to_json(self) -> Json:
        """Return the JSON object; nested records override this."""
        return dict(vars(self))


def objects_in(json: Mapping[str, Any], name: str) -> list[Json]:
    """Return the objects of a list; none where it is missing or something else."""
    found = json.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def object_in(json: Mapping[str, Any], name: str) -> Json:
    """Return an object; an empty one where it is missing or something else."""
    found = json.get(name)
    return found if isinstance(found, dict) else {}


def number_in(json: Mapping[str, Any], name: str, default: float) -> float:
    """Return a number; the default where it is missing or something else."""
    found = json.get(name)
    return found if isinstance(found, int | float) else default


def amount_in(json: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number from 0; None where it is missing or something else."""
    found = number_in(json, name, -1.0)
    return float(found) if 0 <= found < math.inf and not isinstance(found, bool) else None


class Typed(TypeDecorator[T], Generic[T]):
    """A JSON column that is read and written through two functions; NULL is None.

    What can't be read gives `unreadable`, and an error in the log: one damaged row stops neither the list nor the
    queue.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, read: Callable[[Any], T], write: Callable[[T], Any], unreadable: T | None = None) -> None:
        super().__init__(none_as_null=True)
        self.read = read
        self.write = write
        self.unreadable = unreadable

    def process_bind_param(self, value: T | None, dialect: Dialect) -> Any:
        return None if value is None else self.write(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> T | None:
        if value is None:
            return None
        try:
            return self.read(value)
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.exception("a column of a row can't be read, and counts as empty: %.200r", value)
            return self.unreadable


R = TypeVar("R", bound=Record)


def typed(record: type[R]) -> Typed[R]:
    """Return the type of a column that holds a record."""
    return Typed(record.from_json, record.to_json)


def _as_object(json: Any) -> Json:
    if not isinstance(json, dict):
        raise TypeError("it is no JSON object")
    return json


OBJECT = Typed(_as_object, _as_object)
"""The type of a column that holds a JSON object as it is sent or kept, key by key; None where it can't be read."""
