"""Parameters of requests, beside the body: in the path, in the query, and headers.

The forms of numbers and days are written here alone, those of texts in service.api.schemas.patterns. A text that
can't be a name or an id is never looked up: databases differ in what text they accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from flask import request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from service.api.schemas.described import DATE_TIME
from service.api.schemas.invalid import invalid
from service.api.schemas.patterns import CURSOR, DIGEST, JOB, REPEAT_KEY
from service.errors import FieldError, InvalidInput, NotFound, shown
from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER
from service.storage.names import NAME

DIGITS = r"^[0-9]{1,9}(\.0{1,9})?$"  # `20.0` is an integer, as in JSON
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = rf"{DAY}T[0-9:.]+(Z|[+-][0-9]{{2}}:[0-9]{{2}})"
TEXT = {"type": "string"}
FIRST_DAY = date(1970, 1, 1)  # of the clock, so that some days before it are dates too
MAX_INDEX = 10**9 - 1  # the largest number of 9 digits
Status = Literal["queued", "running", "succeeded", "failed", "canceled"]  # of a job
ID = "0d2f7c5b9a6e4d6b8f3c1a2b3c4d5e6f"


def example(value: Any, **schema: Any) -> Any:
    """Return an example in the form that flask-openapi3 reads: it doesn't know a parameter's `examples`."""
    return {"json_schema_extra": {"example": value, **schema}}


def _known(pattern: str, what: str) -> Callable[[str], str]:
    """Return a validator that raises NotFound for a text that can't be a name or an id."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise NotFound(f"there is no {what} {shown(text)}")
        return text

    return check


def _whole(value: object) -> object:
    """Return the number in a URL's text. int() would also accept `1_0`, `+5`, ` 5 ` and digits of other scripts."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(DIGITS, value):
        raise invalid("must be a whole number, in 1 to 9 digits")
    return int(value.partition(".")[0])


def _day(value: object) -> object:
    """Return the date in a URL's text, or in UTC that of a time; `fromisoformat` would also accept `20261101`."""
    if not isinstance(value, str):
        return value
    try:
        if re.fullmatch(rf"{DAY}|{TIME}", value) and (found := _utc_day(value)) >= FIRST_DAY:
            return found
    except (ValueError, OverflowError):
        pass
    raise invalid(f"must be a day from {FIRST_DAY} on, as in 2026-11-01, or a time with its zone")


def _utc_day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date() if "T" in text else date.fromisoformat(text)


Whole = Annotated[int, BeforeValidator(_whole)]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"anyOf": [TEXT | {"format": "date"}, TEXT | DATE_TIME]})]
KnownStyle = Annotated[str, AfterValidator(_known(NAME, "preset"))]
KnownTransfer = Annotated[str, AfterValidator(_known(JOB, "transfer"))]
KnownBatch = Annotated[str, AfterValidator(_known(JOB, "batch"))]
KnownKey = Annotated[str, AfterValidator(_known(JOB, "key"))]
KnownTenant = Annotated[str, AfterValidator(_known(NAME, "tenant"))]
KnownScore = Annotated[str, AfterValidator(_known(JOB, "score"))]


def _name(**rules: Any) -> Any:
    return Field(description="Name of the preset.", **example("harbour", pattern=NAME), **rules)


def _id(of: str) -> Any:
    return Field(description=f"The {of}'s id.", **example(ID, pattern=JOB))


def _index(what: str) -> Any:
    return Field(ge=0, le=MAX_INDEX, description=f"{what}; the first is 0.", **example(0))


class StylePath(BaseModel):
    name: KnownStyle = _name()


class StyleImagePath(StylePath):
    index: Whole = _index("Which of the preset's pictures")


class NewStylePath(BaseModel):
    name: str = _name(pattern=NAME)


class TransferPath(BaseModel):
    id: KnownTransfer = _id("transfer")


class TransferStylePath(TransferPath):
    index: Whole = _index("Which entry of the transfer's styles")


class TransferFilePath(TransferPath):
    sha256: str = Field(
        pattern=DIGEST,
        description="SHA-256 of the file.",
        **example("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
    )


class BatchPath(BaseModel):
    id: KnownBatch = _id("batch")


class KeyPath(BaseModel):
    id: KnownKey = _id("key")


class TenantPath(BaseModel):
    name: KnownTenant = Field(description="Name of the tenant.", **example("acme", pattern=NAME))


class ScorePath(BaseModel):
    id: KnownScore = _id("score")


class Query(BaseModel):
    """Parameters of the query, which come as text; unknown and repeated ones are errors."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _none_twice(cls, given: dict[str, str]) -> dict[str, str]:
        """Raise InvalidInput for repeated parameters, because pydantic would see only the first."""
        twice = [name for name in given if len(request.args.getlist(name)) > 1]
        if twice:
            raise InvalidInput([FieldError(name, "is given more than once") for name in twice])
        return given


def _cursor(shown: str) -> Any:
    doc = "Where the page begins: `next` of the page before."
    return Field(None, pattern=CURSOR, description=doc, **example(shown))


class PageQuery(Query):
    limit: Whole = Field(50, ge=1, le=200, description="Items on a page.", **example(20))
    cursor: str | None = _cursor("WyJoYXJib3VyIl0")


class TransfersQuery(PageQuery):
    cursor: str | None = _cursor("WzE3NjQyMDAwMDAuMCwiNGY5YTAxYzJkN2UzIl0")
    status: Status | None = Field(None, description="Only transfers with this status.", **example("succeeded"))


class BatchesQuery(PageQuery):
    cursor: str | None = _cursor("WzE3NjQyMDAwMDAuMCwiMGQyZjdjNWI5YTZlIl0")
    status: Status | None = Field(None, description="Only batches with this status.", **example("running"))


class BatchItemsQuery(PageQuery):
    cursor: str | None = _cursor("WzQ5XQ")
    status: Status | None = Field(None, description="Only transfers with this status.", **example("failed"))


class UsageQuery(Query):
    first: Day | None = Field(
        None,
        alias="from",
        description="First day in UTC, or a time on it; by default 29 days before `to`.",
        **example("2026-11-01"),
    )
    last: Day | None = Field(
        None, alias="to", description="Last day in UTC, or a time on it; by default today.", **example("2026-11-30")
    )
    by: Literal["day"] | None = Field(None, description="`day` gives each day its own sums.", **example("day"))


class KeysQuery(PageQuery):
    cursor: str | None = _cursor("WzE3NjQyMDAwMDAuMCwiMGQyZiJd")
    tenant: str | None = Field(None, pattern=NAME, description="Only keys of this tenant.", **example("acme"))


class ImageQuery(Query):
    variant: Annotated[int, Field(ge=0, le=MAX_INDEX), BeforeValidator(_whole)] | None = Field(
        None,
        description="Which of the transfer's variants; the first is 0, which is also the picture without this.",
        **example(0),
    )


class NewBatchHeaders(BaseModel):
    idempotency_key: str | None = Field(
        None,
        alias=IDEMPOTENCY_HEADER,
        min_length=1,
        max_length=255,
        pattern=REPEAT_KEY,
        description="For example order-4711: a repeat with this key, within 24 hours, gets the first request's job.",
    )


class NewJobHeaders(NewBatchHeaders):
    prefer: str = Field(
        "",
        alias="Prefer",
        description="For example wait=30: the response waits for the job's end, 60 seconds at most (RFC 7240).",
    )


class WatchHeaders(BaseModel):
    last_event_id: str = Field(
        "",
        alias="Last-Event-ID",
        description="For example 14: `id` of the last event that was received; the stream continues with newer ones.",
    )
