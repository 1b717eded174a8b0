"""Response bodies about presets and their painters."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from service.api.schemas.described import DATE_TIME, SHA256, TIME, VERSION, described, pixels, sha256
from service.api.schemas.option_responses import PresetOptionsOut
from service.api.schemas.parameters import Status
from service.api.schemas.responses import Problem
from service.api.schemas.usage_responses import UsageOut
from service.options import STYLE_SCALES, STYLE_WEIGHTS
from service.storage.names import NAME

PainterStatus = Literal["none", "queued", "learning", "ready", "failed"]


class StyleImageOut(BaseModel):
    """A style image of a preset."""

    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 1600)
    height: int = pixels("Height", 1200)
    weight: float = described(
        "Share in the average of the Gram matrices.", 1.0, ge=STYLE_WEIGHTS[0], le=STYLE_WEIGHTS[1]
    )
    scale: float = described("Size relative to the output's.", 1.0, ge=STYLE_SCALES[0], le=STYLE_SCALES[1])
    name: str | None = described("File name that it came with; null if it came without one.", "harbour.jpg", None)


class PackOut(BaseModel):
    """The contents of the pack that a preset was saved from, without pictures."""

    model: str = sha256("the model that made its Gram matrices")
    layers: list[str] = described("Layers that have Gram matrices.", ["relu1_1", "relu2_1"])
    sizes: list[int] = described("Output sizes that have Gram matrices, in pixels.", [256, 512])


class WarmOut(BaseModel):
    """The Gram matrices that are computed before a transfer asks for them."""

    sizes: list[int] = described("Output sizes in pixels.", [256, 512])
    status: Status | None = described("Status of that task; null once it is no longer kept.", "succeeded")
    error: Problem | None = described("Why it failed.", None)
    usage: UsageOut | None = described("What it has cost, once it has ended and while it is kept.", None)


class JudgedOut(BaseModel):
    """Mean losses of some pictures."""

    total: float = described("content_weight content + style_weight style + tv_weight tv.", 0.27, ge=0)
    content: float = described("How far the features are from the content images'.", 0.9, ge=0)
    style: float = described("How far the Gram matrices are from the style's.", 0.13, ge=0)


class JudgementOut(BaseModel):
    """A painter beside the optimiser, on the same pictures, which it didn't learn from."""

    painter: JudgedOut = described("The painter's.", {"total": 0.27, "content": 0.9, "style": 0.13})
    optimizer: JudgedOut = described("The optimiser's.", {"total": 0.14, "content": 0.5, "style": 0.04})


class CheckOut(BaseModel):
    """A check of a learning, on pictures that it doesn't learn from."""

    seconds: float = described("Seconds of learning until then.", 30.0, ge=0)
    content: float = described("How far the features are from the content images'.", 0.9, ge=0)
    style: float = described("How far the Gram matrices are from the style's.", 0.13, ge=0)
    tv: float = described("Total variation.", 0.012, ge=0)
    total: float = described("content_weight content + style_weight style + tv_weight tv.", 0.27, ge=0)


class PainterOut(BaseModel):
    """The painter of a preset: a network that paints in its style in one pass."""

    status: PainterStatus = described("How far it is.", "ready")
    fraction: float = described("Share of the learning that is done.", 1.0, ge=0, le=1)
    eta_seconds: float | None = described("Seconds of learning that are left, if known.", None, ge=0)
    steps: int | None = described(
        "Steps of the learning that is under way, or of the painter; null for a starter's, of which it isn't known.",
        700,
        ge=0,
    )
    seconds: float | None = described("Seconds that the painter learned; null for a starter's.", 360.0, ge=0)
    photos: int | None = described("Photographs that it learned from, with those in NST_PHOTOS.", 0, ge=0)
    size: int | None = described("Long edge that it learned for, in pixels.", 512, ge=1)
    bytes: int | None = described("Size of its ONNX file.", 3100057, ge=1)
    sha256: str | None = sha256("its ONNX file")
    judged: JudgementOut | None = described(
        "Its losses beside the optimiser's; null until they are measured, and for a starter's.", None
    )
    losses: list[CheckOut] = described(
        "The checks of the newest learning, while that is kept; none for one that came with the service or a pack.",
        [],
    )
    error: Problem | None = described("Why the newest learning failed.", None)
    usage: UsageOut | None = described(
        "What the newest learning has cost, once it has ended and while it is kept.", None
    )
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": "/v1/styles/harbour/painter"})


class StyleOut(BaseModel):
    """A preset: a style saved under a name."""

    name: str = described("Its name.", "harbour", pattern=NAME)
    version: str = described(
        "The id of this state, by which it can be had back after it was replaced or deleted.", VERSION
    )
    description: str = described("The description that it was saved with.", "A harbour at night")
    images: list[StyleImageOut] = described(
        "Its style images.", [{"sha256": SHA256, "width": 1600, "height": 1200, "weight": 1.0, "scale": 1.0}]
    )
    pack: PackOut | None = described("The pack that it was saved from; null for one with pictures.", None)
    warm: WarmOut | None = described("The Gram matrices that are computed beforehand; null if none are.", None)
    painter: PainterStatus = described("Status of its painter.", "ready")
    options: PresetOptionsOut = described(
        "What a transfer with it alone begins with, where the transfer doesn't say otherwise.", {"strength": 0.7}
    )
    built_in: bool = described("Whether it is one of the service's own presets, as that came.", False)
    shared: bool = described("Whether all tenants can use it.", False)
    created_at: str = described("When its name was first taken (ISO 8601).", TIME, json_schema_extra=DATE_TIME)
    links: dict[str, str] = described("Paths of what belongs to it.", {"self": "/v1/styles/harbour"})


class StylePage(BaseModel):
    """Some of the presets, in the order of their names."""

    items: list[StyleOut] = described("The presets.", [])
    next: str | None = described("The next page's `cursor`; null on the last page.", "WyJoYXJib3VyIl0")
