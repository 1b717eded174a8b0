"""The options of a look, which presets can carry; each may be missing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from service.api.schemas.fields import optional_option
from service.options import Color, LossScaling, Optimizer


class LookOptions(BaseModel):
    """Options that a transfer begins with."""

    size: int = optional_option("size")
    strength: float = optional_option("strength")
    content_weight: float = optional_option("content_weight")
    style_weight: float = optional_option("style_weight")
    tv_weight: float = optional_option("tv_weight")
    content_layers: dict[str, float] = optional_option("content_layers")
    style_layers: dict[str, float] = optional_option("style_layers")
    loss_scaling: LossScaling = optional_option("loss_scaling")
    iterations: int = optional_option("iterations")
    levels: int = optional_option("levels")
    tolerance: float = optional_option("tolerance")
    optimizer: Optimizer = optional_option("optimizer")
    init: Literal["content", "random", "style"] = optional_option("init")
    seed: int = optional_option("seed")
    color: Color = optional_option("color")
