"""The base of request bodies, and fields that several have."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.api.schemas.fields import check_all_named
from service.api.schemas.invalid import invalid
from service.errors import MalformedBody
from service.options import STYLE_SCALES, STYLE_WEIGHTS

LEAST_WEIGHT = 1e-6  # of all weights of a list together


class Body(BaseModel):
    """A JSON object of a request: unknown fields are errors, and so is NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    example: ClassVar[str] = ""  # shown to a caller who sends no object

    @model_validator(mode="before")
    @classmethod
    def _is_object(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            raise invalid(f"must be an object{cls.example and ', as in ' + cls.example}")
        return given


class WholeBody(Body):
    """The whole body of a request; a form may have no part that the body doesn't name."""

    @model_validator(mode="before")
    @classmethod
    def _may_be_empty(cls, given: Any) -> Any:
        """Take an empty body (None) for `{}` where all fields may be left out. Raises MalformedBody elsewhere."""
        if given is not None:
            return given
        if any(field.is_required() for field in cls.model_fields.values()):
            raise MalformedBody("the body is not JSON: it is empty")
        return {}

    @model_validator(mode="after")
    def _all_parts_named(self) -> Self:
        check_all_named()
        return self


def some_weight(weighted: list[Any]) -> list[Any]:
    """Refuse a list of styles whose weights are all almost 0: they have no average."""
    if sum(entry.weight for entry in weighted) < LEAST_WEIGHT:
        raise invalid(f"the weights must be at least {LEAST_WEIGHT:g} in all")
    return weighted


def style_weight(doc: str) -> Any:
    """Return the field of a style's weight."""
    return Field(1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1], description=doc, examples=[1.0])


def style_scale(doc: str) -> Any:
    """Return the field of a style's scale."""
    return Field(1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1], description=doc, examples=[1.0])
