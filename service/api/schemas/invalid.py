"""The error that validators of the schemas raise."""

from __future__ import annotations

from pydantic_core import PydanticCustomError


def invalid(msg: str) -> PydanticCustomError:
    """Return the error for a field, to be raised by a validator in place of a ValueError.

    pydantic copies the text of this error. Of a ValueError it keeps the object, whose traceback holds frames, which
    hold the request's body. Python's garbage collector can't see this whole reference cycle, so it is never freed.
    """
    return PydanticCustomError("invalid", "{msg}", {"msg": msg})
