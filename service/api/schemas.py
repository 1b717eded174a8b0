"""What requests may hold and what answers hold; `bodies` has those of POST."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


class Query(BaseModel):
    """Parameters of the URL, which come as text; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid")


class StylePath(BaseModel):
    name: str = Field(description="Name of the preset.")


class StyleImagePath(StylePath):
    index: int = Field(ge=0, description="Which of the preset's pictures; the first is 0.")


class NewStylePath(BaseModel):
    name: str = Field(pattern=NAME, description="Name of the preset.")


class PageQuery(Query):
    limit: int = Field(50, ge=1, le=200, description="Items on a page.")
    cursor: str | None = Field(None, description="`next` of the page before.")


class TransfersQuery(PageQuery):
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None = None


class NewJobHeaders(BaseModel):
    idempotency_key: str | None = Field(
        None,
        alias=IDEMPOTENCY_HEADER,
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A repeat with the same key, within 24 hours, gets the job that the first one made.",
    )


class TransferPath(BaseModel):
    id: str = Field(description="The transfer's id.")


class TransferStylePath(TransferPath):
    index: int = Field(ge=0, description="Which entry of the transfer's styles; the first is 0.")


class ImageQuery(Query):
    variant: int = Field(0, ge=0, description="Which of the transfer's variants; the first is 0.")


class ScorePath(BaseModel):
    id: str = Field(description="The score's id.")


# Answers


class FieldProblem(BaseModel):
    loc: str = Field(description="Dotted path of the field, as in styles.0.weight.")
    msg: str


class Problem(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class StyleImageOut(BaseModel):
    sha256: str
    width: int
    height: int
    weight: float
    scale: float


class PackOut(BaseModel):
    """Of a preset that came as a pack, without its pictures."""

    model: str
    layers: list[str]
    sizes: list[int]


class WarmOut(BaseModel):
    """Of Grams that are computed beforehand."""

    sizes: list[int]
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None
    error: Problem | None


class StyleOut(BaseModel):
    name: str
    description: str
    images: list[StyleImageOut]
    pack: PackOut | None
    warm: WarmOut | None
    created_at: str
    links: dict[str, str]


class StylePage(BaseModel):
    items: list[StyleOut]
    next: str | None


class LossesOut(BaseModel):
    content: float
    style: float
    tv: float
    total: float


class ProgressOut(BaseModel):
    iteration: int
    iterations: int
    fraction: float
    eta_seconds: float | None
    losses: LossesOut | None


class PictureOut(BaseModel):
    width: int
    height: int
    media_type: str
    sha256: str
    losses: LossesOut
    iterations: int
    stopped: str


class ResultOut(PictureOut):
    """The first picture, and all of them."""

    variants: list[PictureOut]


class TimingsOut(BaseModel):
    """Seconds."""

    queued_s: float | None = None
    style_s: float | None = None
    optimize_s: float | None = None
    total_s: float | None = None


class EngineOut(BaseModel):
    model: str
    weights: str
    device: str
    precision: str
    style_provider: str
    version: str


class TransferOut(BaseModel):
    id: str
    status: Literal["queued", "running", "succeeded", "failed", "canceled"]
    created_at: str
    started_at: str | None
    finished_at: str | None
    progress: ProgressOut
    options: dict[str, Any]
    result: ResultOut | None
    error: Problem | None
    timings: TimingsOut
    style_cache: Literal["hit", "partial", "miss"] | None
    engine: EngineOut | None
    callback: CallbackOut | None = Field(None, description="The webhook of a job that has ended.")
    links: dict[str, str]


class CallbackOut(BaseModel):
    url: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    error: str | None


class LayersOut(BaseModel):
    """The loss of each layer, before its weight."""

    content: dict[str, float]
    style: dict[str, float]


class ScoreOut(BaseModel):
    id: str
    status: Literal["queued", "running", "succeeded", "failed", "canceled"]
    losses: LossesOut | None
    layers: LayersOut | None
    error: Problem | None
    engine: EngineOut | None
    links: dict[str, str]


class TransferPage(BaseModel):
    items: list[TransferOut]
    next: str | None


class Health(BaseModel):
    status: str
