"""Request bodies about presets and their painters."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from service.api.schemas.fields import (
    SMALLEST_IMAGE,
    ImageField,
    picture,
)
from service.api.schemas.invalid import invalid
from service.api.schemas.looks import LookOptions
from service.api.schemas.patterns import TEXT
from service.api.schemas.request_base import Body, WholeBody, some_weight, style_scale, style_weight
from service.jobs.tasks import MAX_PHOTOS
from service.options import (
    OPTIONS,
)
from service.storage.names import NAME
from service.styles.packs import MAX_IMAGES

MAX_WARM = 8  # sizes
MAX_MINUTES = 24 * 60.0  # of a learning
LOW_LEARNED, HIGH_LEARNED = 64, 2048  # pixels
LOW_SIZE, HIGH_SIZE = (OPTIONS["size"].metadata[bound] for bound in ("low", "high"))


class StyleImageBody(Body):
    """A style image of a preset."""

    example = '{"image": …}'

    image: ImageField = picture("The style image.")
    weight: float = style_weight("Share in the average of the preset's Gram matrices.")
    scale: float = style_scale("The image's size relative to the output's.")


class Learning(Body):
    """How a preset learns its painter."""

    example = '{"size": 512}'

    size: int = Field(
        512,
        ge=LOW_LEARNED,
        le=HIGH_LEARNED,
        description="Long edge of the pictures that it learns to paint, in pixels. A picture of more than twice that "
        "is painted at twice that, and enlarged.",
        examples=[512],
    )
    photos: list[ImageField] = Field(
        [],
        max_length=MAX_PHOTOS,
        description="Photographs of the kind that it will paint, to learn from beside drawn pictures.",
        examples=[[SMALLEST_IMAGE]],
    )
    minutes: float = Field(
        6.0, ge=0.01, le=MAX_MINUTES, description="Minutes of computing that it may take.", examples=[6.0]
    )


class PainterBody(Learning, WholeBody):
    """A painter that a preset is to learn."""


class PresetOptions(LookOptions, Body):
    """The options that a transfer with this preset alone begins with; what the transfer names goes before them."""

    def given(self) -> dict[str, Any]:
        """Return the options that were named, as JSON may hold them."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def _optional_options(doc: str) -> Any:
    return Field(None, description=doc, examples=[{"strength": 0.7, "color": "match", "size": 768}])


class StyleBody(WholeBody):
    """A preset: one or more style images."""

    images: list[StyleImageBody] = Field(
        min_length=1, max_length=MAX_IMAGES, description="Its style images.", examples=[[{"image": SMALLEST_IMAGE}]]
    )
    description: str = Field(
        "", max_length=2000, pattern=TEXT, description="A description for people.", examples=["A harbour at night"]
    )
    warm: list[int] = Field(
        [],
        max_length=MAX_WARM,
        description="Output sizes in pixels for which the Grams are computed at once.",
        examples=[[256, 512]],
        json_schema_extra={"items": {"type": "integer", "minimum": LOW_SIZE, "maximum": HIGH_SIZE}},
    )

    options: PresetOptions | None = _optional_options("What a transfer with this preset alone begins with.")
    shared: bool = Field(
        False,
        description="Whether all tenants can use it; true takes the scope admin of the tenant default.",
        examples=[True],
    )
    painter: Learning | None = Field(
        None, description="Teaches the preset a painter, as PUT …/painter does.", examples=[{"size": 512}]
    )

    _some_weight = field_validator("images")(some_weight)

    @field_validator("warm")
    @classmethod
    def _sizes(cls, sizes: list[int]) -> list[int]:
        if not all(LOW_SIZE <= size <= HIGH_SIZE for size in sizes):
            raise invalid(f"each size must be between {LOW_SIZE} and {HIGH_SIZE}")
        return sorted(set(sizes))


class StyleChanges(WholeBody):
    """Changes of a preset that leave its pictures as they are; what isn't named stays."""

    example = '{"description": …}'

    name: str | None = Field(
        None, pattern=NAME, description="Its new name, which no other preset has.", examples=["harbour"]
    )
    description: str | None = Field(
        None, max_length=2000, pattern=TEXT, description="Its new description.", examples=["A harbour at night"]
    )
    options: PresetOptions | None = _optional_options(
        "Its new options, instead of all that it has: `{}` takes them away."
    )
    shared: bool | None = Field(
        None,
        description="Whether all tenants can use it; true takes the scope admin of the tenant default.",
        examples=[True],
    )
