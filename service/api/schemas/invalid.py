"""The error that validators of the schemas raise."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def invalid(msg: str) -> PydanticCustomError:
    """Return the error for a field, to be raised by a validator in place of a ValueError.

    pydantic copies its text. Of a ValueError it keeps the object itself, with its traceback, the frames in that, and
    the request's body in these: a circle through memory that Python's collector can't see, which is never freed.
    """
    return PydanticCustomError("invalid", "{msg}", {"msg": msg})
