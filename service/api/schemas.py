"""What requests may hold and what answers hold. Ranges and defaults come from engine.options."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from service.api.fields import ImageField, InitField, option
from service.engine.options import OPTIONS, STYLE_SCALES, STYLE_WEIGHTS, TransferOptions
from service.images import ImageFile
from service.jobs.idempotency import HEADER as IDEMPOTENCY_HEADER

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
TEXT = r"^[^\x00]*$"  # a regular expression also refuses what is no valid Unicode
LEAST_WEIGHT = 1e-6  # of all weights of a list together
MAX_DEADLINE_S = 30 * 86_400
MAX_IMAGES = 16  # of a preset, and entries of a transfer's styles


class Body(BaseModel):
    """A request body: unknown fields are errors, and so is NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Query(BaseModel):
    """Parameters of the URL, which come as text; unknown ones are errors."""

    model_config = ConfigDict(extra="forbid")


def some_weight(weighted: list[Any]) -> list[Any]:
    """Refuses a list of styles whose weights are all next to 0: their average would be none."""
    if sum(entry.weight for entry in weighted) < LEAST_WEIGHT:
        raise ValueError(f"the weights must be at least {LEAST_WEIGHT:g} in all")
    return weighted


def _weight(doc: str) -> Any:
    return Field(1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1], description=doc)


def _scale(doc: str) -> Any:
    return Field(1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1], description=doc)


class StylePath(BaseModel):
    name: str = Field(description="Name of the preset.")


class NewStylePath(BaseModel):
    name: str = Field(pattern=NAME, description="Name of the preset.")


class StyleImageBody(Body):
    image: ImageField
    weight: float = _weight("Share in the average of the preset's Gram matrices.")
    scale: float = _scale("The image's size relative to the output's.")


class StyleBody(Body):
    """A preset: one or more style images."""

    images: list[StyleImageBody] = Field(min_length=1, max_length=MAX_IMAGES)
    description: str = Field("", max_length=2000, pattern=TEXT)

    _some_weight = field_validator("images")(some_weight)


class StyleEntry(Body):
    """One style of a transfer: either `preset` or `image`."""

    preset: str | None = Field(None, pattern=NAME, description="Name of a preset.")
    image: ImageField | None = None
    weight: float = _weight("Share in the average of the Gram matrices.")
    scale: float = _scale("The style image's size relative to the output's.")

    @model_validator(mode="after")
    def _one_source(self) -> StyleEntry:
        if (self.preset is None) == (self.image is None):
            raise ValueError("give either preset or image")
        return self


class TransferBody(Body):
    """A transfer: a content image, its styles, and how."""

    content: ImageField
    styles: list[StyleEntry] = Field(min_length=1, max_length=MAX_IMAGES)
    size: int = option("size")
    content_weight: float = option("content_weight")
    style_weight: float = option("style_weight")
    tv_weight: float = option("tv_weight")
    content_layers: dict[str, float] = option("content_layers")
    style_layers: dict[str, float] = option("style_layers")
    loss_scaling: Literal["relative", "per_element", "gatys"] = option("loss_scaling")
    iterations: int = option("iterations")
    levels: int = option("levels")
    tolerance: float = option("tolerance")
    optimizer: Literal["lbfgs", "adam"] = option("optimizer")
    init: InitField = option("init")
    seed: int = option("seed")
    color: Literal["style", "luminance", "match"] = option("color")
    format: Literal["png", "jpeg", "webp"] = option("format")
    quality: int = option("quality")

    priority: int = Field(0, ge=-100, le=100, description="Of the caller's own waiting jobs the highest is next.")
    deadline_s: float | None = Field(
        None, gt=0, le=MAX_DEADLINE_S, description="Seconds from now after which the job fails instead of running on."
    )
    callback_url: str | None = Field(
        None, description="Where a signed webhook goes when the job ends; NST_WEBHOOK_HOSTS must allow its host."
    )

    _some_weight = field_validator("styles")(some_weight)

    def digest(self) -> str:
        """The same for two bodies that ask for the same, however their pictures came."""
        return hashlib.sha256(json.dumps(_plain(self), sort_keys=True).encode()).hexdigest()

    def options(self) -> TransferOptions:
        """Raises InvalidInput for what the types here can't say."""
        given = {name: getattr(self, name) for name in OPTIONS}
        given["init"] = "image" if isinstance(self.init, ImageFile) else self.init
        return TransferOptions(**given)


def _plain(value: Any) -> Any:
    """A body as JSON, with the digest in the place of each picture."""
    if isinstance(value, ImageFile):
        return value.sha256
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


class PageQuery(Query):
    limit: int = Field(50, ge=1, le=200, description="Items on a page.")
    cursor: str | None = Field(None, description="`next` of the page before.")


class TransfersQuery(PageQuery):
    status: Literal["queued", "running", "succeeded", "failed", "canceled"] | None = None


class NewTransferHeaders(BaseModel):
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


class StyleOut(BaseModel):
    name: str
    description: str
    images: list[StyleImageOut]
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


class ResultOut(BaseModel):
    width: int
    height: int
    media_type: str
    sha256: str
    losses: LossesOut
    iterations: int
    stopped: str


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


class TransferPage(BaseModel):
    items: list[TransferOut]
    next: str | None


class Health(BaseModel):
    status: str
