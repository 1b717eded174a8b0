"""Request bodies of POST and PUT; ranges and defaults come from service.options."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from service.api.schemas.fields import (
    SMALLEST_IMAGE,
    ImageField,
    InitField,
    check_all_named,
    option,
    picture,
    preset_option,
)
from service.api.schemas.invalid import invalid
from service.api.schemas.parameters import NAME
from service.options import (
    OPTIONS,
    STYLE_SCALES,
    STYLE_WEIGHTS,
    Alpha,
    Color,
    Format,
    LossScaling,
    Method,
    Optimizer,
)
from service.pictures.images import ImageFile
from service.styles.packs import MAX_IMAGES

TEXT = r"^[^\x00]*$"  # a regular expression also refuses text that is no valid Unicode
LEAST_WEIGHT = 1e-6  # of all weights of a list together
MAX_DEADLINE_S = 30 * 86_400
MAX_STYLES = 16  # entries of a transfer's styles
MAX_VARIANTS = 16
MAX_WARM = 8  # sizes
MAX_PHOTOS = 64
MAX_MINUTES = 24 * 60.0  # of a learning
LOW_LEARNED, HIGH_LEARNED = 64, 2048  # pixels
LOW_SIZE, HIGH_SIZE = (OPTIONS["size"].metadata[bound] for bound in ("low", "high"))


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

    @model_validator(mode="after")
    def _all_parts_named(self) -> Self:
        check_all_named()
        return self


def some_weight(weighted: list[Any]) -> list[Any]:
    """Refuse a list of styles whose weights are all almost 0: they have no average."""
    if sum(entry.weight for entry in weighted) < LEAST_WEIGHT:
        raise invalid(f"the weights must be at least {LEAST_WEIGHT:g} in all")
    return weighted


def _weight(doc: str) -> Any:
    return Field(1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1], description=doc, examples=[1.0])


def _scale(doc: str) -> Any:
    return Field(1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1], description=doc, examples=[1.0])


class StyleImageBody(Body):
    """A style image of a preset."""

    example = '{"image": …}'

    image: ImageField = picture("The style image.")
    weight: float = _weight("Share in the average of the preset's Gram matrices.")
    scale: float = _scale("The image's size relative to the output's.")


class Learning(Body):
    """How a preset learns its painter."""

    example = '{"size": 512}'

    size: int = Field(
        512,
        ge=LOW_LEARNED,
        le=HIGH_LEARNED,
        description="Long edge of the pictures that it learns to paint, in pixels.",
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


class PresetOptions(Body):
    """The options that a transfer with this preset alone begins with; what the transfer names goes before them."""

    size: int = preset_option("size")
    strength: float = preset_option("strength")
    content_weight: float = preset_option("content_weight")
    style_weight: float = preset_option("style_weight")
    tv_weight: float = preset_option("tv_weight")
    content_layers: dict[str, float] = preset_option("content_layers")
    style_layers: dict[str, float] = preset_option("style_layers")
    loss_scaling: LossScaling = preset_option("loss_scaling")
    iterations: int = preset_option("iterations")
    levels: int = preset_option("levels")
    tolerance: float = preset_option("tolerance")
    optimizer: Optimizer = preset_option("optimizer")
    init: Literal["content", "random", "style"] = preset_option("init")
    seed: int = preset_option("seed")
    color: Color = preset_option("color")

    def given(self) -> dict[str, Any]:
        """Return the options that were named, as JSON may hold them."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def _preset_options(doc: str) -> Any:
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

    options: PresetOptions | None = _preset_options("What a transfer with this preset alone begins with.")
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
    options: PresetOptions | None = _preset_options(
        "Its new options, instead of all that it has: `{}` takes them away."
    )


class StyleEntry(Body):
    """One style of a transfer: either `preset` or `image`."""

    example = '{"preset": name} or {"image": …}'

    preset: str | None = Field(None, pattern=NAME, description="Name of a preset.", examples=["mosaic"])
    image: ImageField | None = picture("The style image, if it is no preset.", None)
    weight: float = _weight("Share in the average of the Gram matrices, among the styles with the same mask.")
    scale: float = _scale("The style image's size relative to the output's.")
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
        """Return a hash that is equal for equal requests, however their pictures were sent."""
        return hashlib.sha256(json.dumps(_plain(self), sort_keys=True).encode()).hexdigest()


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


class TransferBody(PaintingBody, WholeBody):
    """A transfer: a content image, its styles, and how."""

    content: ImageField = picture("The content image.")
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


class ScoreBody(PaintingBody, WholeBody):
    """A picture to be judged against a content image and styles, with a transfer's weights."""

    content: ImageField = picture("The content image.")
    image: ImageField = picture("The picture to be judged.")
    size: int = option("size")


def _plain(value: Any) -> Any:
    """Return a body as JSON, each picture replaced by its digest."""
    if isinstance(value, ImageFile):
        return value.sha256
    if isinstance(value, BaseModel):
        given = sorted(value.model_fields_set) if isinstance(value, VariantBody) else type(value).model_fields
        return {name: _plain(getattr(value, name)) for name in given}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
