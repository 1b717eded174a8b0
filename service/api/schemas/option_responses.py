"""The options that answers show: of presets, of transfers and of their variants."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from service.api.schemas.described import SHA256, described, pixels, sha256
from service.api.schemas.fields import optional_option
from service.api.schemas.looks import LookOptions
from service.options import Alpha, Format, Method
from service.storage.names import NAME

SHOWN = {"sha256": SHA256, "width": 1600, "height": 1200, "name": "photo.jpg"}


def _drop_defaults(schema: dict[str, Any]) -> None:
    """Say of no field what a missing one means: it is the transfer's, or there is none."""
    for field in schema["properties"].values():
        field.pop("default", None)


def _require_all(schema: dict[str, Any]) -> None:
    _drop_defaults(schema)
    schema["required"] = list(schema["properties"])


class OptionImageOut(BaseModel):
    """A picture of a request, by its digest."""

    model_config = ConfigDict(json_schema_extra=_drop_defaults)

    sha256: str = sha256("the file as it was sent")
    width: int = pixels("Width", 1600)
    height: int = pixels("Height", 1200)
    name: str = described("File name, if it came with one.", "photo.jpg", "")


class OptionStyleOut(BaseModel):
    """A style of a transfer."""

    model_config = ConfigDict(json_schema_extra=_drop_defaults)

    preset: str = described("Name of its preset, if it is one.", "mosaic", "", pattern=NAME)
    image: OptionImageOut | None = described("Its picture, if it is no preset.", SHOWN, None)
    weight: float = described("Share in the average of the Gram matrices.", 1.0)
    scale: float = described("Size relative to the output's.", 1.0)
    mask: OptionImageOut = described("Where it goes, if it has a mask.", SHOWN, None)
    style_mask: OptionImageOut = described("Where its picture counts, if it has such a mask.", SHOWN, None)


class PresetOptionsOut(LookOptions):
    """What a transfer with this preset alone begins with; the others are the service's defaults."""


class VariantOptionsOut(LookOptions):
    """What a variant has otherwise than its transfer."""

    model_config = ConfigDict(json_schema_extra=_drop_defaults)

    strength: float | None = optional_option("strength")  # type: ignore[assignment]  # a preset's is never null
    init: str | OptionImageOut = optional_option("init")  # type: ignore[assignment]  # a preset's can be no picture
    method: Method = optional_option("method")
    format: Format = optional_option("format")
    quality: int = optional_option("quality")
    alpha: Alpha = optional_option("alpha")
    styles: list[OptionStyleOut] = described("The styles.", [{"preset": "mosaic", "weight": 1.0, "scale": 1.0}], [])
    protect: OptionImageOut | None = described("Where the content stays as it is.", SHOWN, None)
    strength_map: OptionImageOut | None = described("The factor of the style's weight by place.", SHOWN, None)


class TransferOptionsOut(VariantOptionsOut):
    """All options of a transfer with their defaults filled in."""

    model_config = ConfigDict(json_schema_extra=_require_all)

    content: OptionImageOut = described("The content image.", SHOWN)
    variants: list[VariantOptionsOut] = described("Its variants; one without any where there is one picture.", [{}])
    priority: int = described("Its priority among the caller's waiting jobs.", 0)
    deadline_s: float | None = described("Seconds after its submission until when it may run.", 600.0)
    callback_url: str | None = described("Where its webhook goes.", "https://app.example.com/done")
