"""What a request may hold beside its body: places in the path, parameters of the URL, headers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
ID = "0d2f7c5b9a6e4d6b8f3c1a2b3c4d5e6f"


def example(value: Any) -> Any:
    """As the package reads it, which knows no `examples` of parameters."""
    return {"json_schema_extra": {"example": value}}


def _name(**rules: Any) -> Any:
    return Field(description="Name of the preset.", **example("harbour"), **rules)


def _index(what: str) -> Any:
    return Field(ge=0, description=f"{what}; the first is 0.", **example(0))


class StylePath(BaseModel):
    name: str = _name()


class StyleImagePath(StylePath):
    index: int = _index("Which of the preset's pictures")


class NewStylePath(BaseModel):
    name: str = _name(pattern=NAME)


class TransferPath(BaseModel):
    id: str = Field(description="The transfer's id.", **example(ID))


class TransferStylePath(TransferPath):
    index: int = _index("Which entry of the transfer's styles")


class TransferFilePath(TransferPath):
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the file.",
        **example("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
    )


class ScorePath(BaseModel):
    id: str = Field(description="The score's id.", **example(ID))


class Query(BaseModel):
    """Parameters of the URL, which come as text; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(Query):
    limit: int = Field(50, ge=1, le=200, description="Items on a page.", **example(20))
    cursor: str | None = Field(
        None, description="Where the page begins: `next` of the page before.", **example("WyJoYXJib3VyIl0")
    )


class TransfersQuery(PageQuery):
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None = Field(
        None, description="Only transfers that are so.", **example("succeeded")
    )


class ImageQuery(Query):
    variant: int = Field(0, ge=0, description="Which of the transfer's variants; the first is 0.", **example(0))


class NewJobHeaders(BaseModel):
    idempotency_key: str | None = Field(
        None,
        alias=IDEMPOTENCY_HEADER,
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="As in order-4711: a repeat with it, within 24 hours, gets the job that the first one made.",
    )
    prefer: str = Field(
        "",
        alias="Prefer",
        description="As in wait=30: the answer waits so many seconds, 60 at most, for the job's end (RFC 7240).",
    )


class WatchHeaders(BaseModel):
    last_event_id: str = Field(
        "",
        alias="Last-Event-ID",
        description="As in 14: `id` of the last event that was received; the stream goes on with what is newer.",
    )
