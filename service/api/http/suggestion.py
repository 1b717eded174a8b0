"""The field that a caller most likely meant by a name that doesn't exist."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Sequence

from flask import current_app, request
from pydantic import BaseModel

LONGEST = 64  # characters of a name that is compared


def suggestion(title: str, loc: Sequence[str | int]) -> str | None:
    """Return the field that is most like the last name of `loc`, in the model of this request with this title.

    None if no field is like it, or the model can't be found.
    """
    name = loc[-1]
    if not isinstance(name, str) or len(name) > LONGEST:
        return None
    model = _model(title)
    for part in loc[:-1]:
        if isinstance(part, str) and model is not None:
            field = next((field for own, field in model.model_fields.items() if part in (own, field.alias)), None)
            model = _model_in(field.annotation) if field else None
    names = [field.alias or own for own, field in model.model_fields.items()] if model else []
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def _model(title: str) -> type[BaseModel] | None:
    """Return the model that the view of this request takes under this name: its body, query or headers."""
    view = inspect.unwrap(current_app.view_functions[request.endpoint or ""])
    models = map(_model_in, typing.get_type_hints(view).values())
    return next((model for model in models if model is not None and model.__name__ == title), None)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the first model of a type, as in `list[StyleEntry] | None`."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    found = map(_model_in, typing.get_args(annotation))
    return next((model for model in found if model is not None), None)
