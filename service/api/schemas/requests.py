"""Request bodies of transfers and scores; ranges and defaults come from service.options."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema, field_validator, model_validator

from service.api.schemas.addressed import AddressedImage
from service.api.schemas.fields import (
    IMAGE_SCHEMA,
    ImageField,
    InitField,
    note_parts,
    option,
    picture,
    sent_as,
)
from service.api.schemas.headers import HEADER_NAME, MAX_HEADERS, check_headers
from service.api.schemas.invalid import invalid
from service.api.schemas.request_base import Body, WholeBody, some_weight, style_scale, style_weight
from service.options import (
    Alpha,
    Color,
    Format,
    LossScaling,
    Method,
    Optimizer,
)
from service.pictures.images import ImageFile
from service.storage.names import NAME

MAX_DEADLINE_S = 30 * 86_400
MAX_STYLES = 16  # entries of a transfer's styles
MAX_VARIANTS = 16
MAX_STYLE_PICTURES = 512  # of all paintings of a transfer: each job's row names them all
MAX_CONTENTS = 500  # of a batch
MAX_REQUEST = 256 * 1024  # bytes of JSON of a transfer's request, as its job's row holds it
MAX_REQUESTS = 32 * 2**20  # those of all transfers of a batch together
CONTENTS_SCHEMA = {"type": "array", "items": IMAGE_SCHEMA, "minItems": 1, "maxItems": MAX_CONTENTS}
NAMED = "named:"  # before digests of what a caller named; those of earlier versions have nothing before them


class StyleEntry(Body):
    """One style of a transfer: either `preset` or `image`."""

    example = '{"preset": name} or {"image": …}'

    preset: str | None = Field(None, pattern=NAME, description="Name of a preset.", examples=["mosaic"])
    image: ImageField | None = picture("The style image, if it is no preset.", None)
    weight: float = style_weight("Share in the average of the Gram matrices, among the styles with the same mask.")
    scale: float = style_scale("The style image's size relative to the output's.")
    mask: ImageField | None = picture("Grey, over the content: white where this style goes.", None)
    style_mask: ImageField | None = picture("Grey, over the style's only image: white where it counts.", None)

    @model_validator(mode="after")
    def _one_source(self) -> StyleEntry:
        if (self.preset is None) == (self.image is None):
            raise invalid("give either preset or image")
        return self


class PaintingBody(Body):
    """One picture: in which styles, and how."""

    styles: list[StyleEntry] = Field(
        default_factory=list,
        min_length=1,
        max_length=MAX_STYLES,
        description="The styles, mixed by their weights. Required, except with a blend or variants with their own.",
        examples=[[{"preset": "mosaic"}]],
    )
    content_weight: float = option("content_weight")
    style_weight: float = option("style_weight")
    tv_weight: float = option("tv_weight")
    strength: float | None = option("strength")
    content_layers: dict[str, float] = option("content_layers")
    style_layers: dict[str, float] = option("style_layers")
    loss_scaling: LossScaling = option("loss_scaling")
    iterations: int = option("iterations")
    levels: int = option("levels")
    tolerance: float = option("tolerance")
    optimizer: Optimizer = option("optimizer")
    init: InitField = option("init")
    seed: int = option("seed")
    color: Color = option("color")
    method: Method = option("method")
    format: Format = option("format")
    quality: int = option("quality")
    alpha: Alpha = option("alpha")
    protect: ImageField | None = picture("Grey, over the content: white where it stays as it is.", None)
    strength_map: ImageField | None = picture(
        "Grey, over the content: the factor of the style's weight there; white is 1.", None
    )

    _some_weight = field_validator("styles")(some_weight)

    def digest(self) -> str:
        """Return a hash of what the caller named, equal for equal requests, however their pictures were sent.

        A field that is named with its default differs from one that isn't named: there a preset's option may count.
        """
        return f"{NAMED}{_hash(_plain(self))}"

    def former_digest(self) -> str:
        """Return the hash that earlier versions stored: all fields with their defaults, but variants as named."""
        return _hash(_plain(self, with_defaults=True))


class BlendBody(Body):
    """A walk from one preset to another, both ends included."""

    example = '{"from": name, "to": name, "steps": 4}'

    start: str = Field(
        alias="from", pattern=NAME, description="Name of the preset at the beginning.", examples=["waves"]
    )
    to: str = Field(pattern=NAME, description="Name of the preset at the end.", examples=["mosaic"])
    steps: int = Field(
        ge=1, le=MAX_VARIANTS - 1, description="Steps of the walk, which gives one picture more.", examples=[4]
    )


class VariantBody(PaintingBody):
    """One of several pictures; the fields that it doesn't name are those of the transfer itself."""


class DeliverBody(Body):
    """Where the finished pictures are sent to, each by one PUT."""

    example = '{"url": "https://…"}'

    url: str = Field(
        description="An http:// or https:// URL, as a presigned one; NST_DELIVERY_HOSTS must allow its host. With "
        "several pictures `{variant}` in it is replaced by the number of each, from 0; in a batch, `{index}` by the "
        "place of the content.",
        examples=["https://bucket.example.com/out/4711-{variant}.png?signature=5f2c"],
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        max_length=MAX_HEADERS,
        description="Headers that go along. They are kept until the delivery has ended, and never shown.",
        json_schema_extra={"propertyNames": {"pattern": f"^{HEADER_NAME.pattern}$"}},
        examples=[{"Content-Type": "image/png"}],
    )

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        check_headers(headers)
        return headers


class RecipeBody(PaintingBody, WholeBody):
    """All of a transfer but its content."""

    size: int = option("size")
    variants: list[VariantBody] = Field(
        default_factory=list,
        min_length=1,
        max_length=MAX_VARIANTS,
        description="One picture for each, which differs in the fields that are named.",
        examples=[[{"strength": 0.3}, {"strength": 0.7}]],
    )
    blend: BlendBody | None = Field(
        None,
        description="Instead of `styles` and `variants`: a walk between presets.",
        examples=[{"from": "waves", "to": "mosaic", "steps": 4}],
    )
    priority: int = Field(
        0, ge=-100, le=100, description="The caller's waiting job with the highest priority is next.", examples=[0]
    )
    deadline_s: float | None = Field(
        None,
        gt=0,
        le=MAX_DEADLINE_S,
        description="Seconds from now after which the job fails instead of running on.",
        examples=[600],
    )
    callback_url: str | None = Field(
        None,
        description="Where a signed webhook goes when the job ends; NST_WEBHOOK_HOSTS must allow its host.",
        examples=["https://app.example.com/done"],
    )
    deliver: DeliverBody | None = Field(
        None,
        description="Where the finished pictures go, each by a PUT of its file; the webhook comes after that.",
        examples=[{"url": "https://bucket.example.com/out/4711.png?signature=5f2c"}],
    )


class TransferBody(RecipeBody):
    """A transfer: a content image, its styles, and how."""

    content: ImageField = picture("The content image.")


class BatchBody(RecipeBody):
    """A batch: many content images, and what all of them are painted with."""

    contents: Annotated[list[Any], WithJsonSchema(CONTENTS_SCHEMA)] = Field(
        min_length=1,
        max_length=MAX_CONTENTS,
        description="The content images. One that can't be read fails alone.",
        examples=[[{"url": "https://cdn.example.com/1.jpg"}, {"url": "https://cdn.example.com/2.jpg"}]],
    )

    @field_validator("contents")
    @classmethod
    def _note_parts(cls, contents: list[Any]) -> list[Any]:
        note_parts(contents)
        return contents

    def digest(self) -> str:
        """Return a hash of what the caller named: contents as they were sent, or by the digest of a form's file."""
        plain = _plain(self) | {"contents": [_hash(sent_as(content)) for content in self.contents]}
        return f"batch:{_hash(plain)}"

    def former_digest(self) -> str:
        return self.digest()


class ScoreBody(PaintingBody, WholeBody):
    """A picture to be judged against a content image and styles, with a transfer's weights."""

    content: ImageField = picture("The content image.")
    image: ImageField = picture("The picture to be judged.")
    size: int = option("size")


def _hash(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(value: Any, *, with_defaults: bool = False) -> Any:
    """Return a body as JSON, each picture replaced by its digest; without defaults only what was named is in it."""
    if isinstance(value, AddressedImage):  # known by its URL, so that a repeat fetches nothing
        return {"url": value.url}
    if isinstance(value, ImageFile):
        return value.sha256
    if isinstance(value, BaseModel):
        filled = with_defaults and not isinstance(value, VariantBody)
        names = type(value).model_fields if filled else value.model_fields_set
        return {name: _plain(getattr(value, name), with_defaults=with_defaults) for name in names}
    return [_plain(entry, with_defaults=with_defaults) for entry in value] if isinstance(value, list) else value
