"""What is optimised, and how it becomes what the encoder sees and what is delivered.

A canvas holds the bounds of its variable, so that the image never leaves the gamut and the 8-bit picture that is
delivered is the image that was optimised.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from service.pictures.colour import LUMA
from service.pictures.images import Picture


class Canvas(Protocol):
    """The variable of the optimisation: bounds, and the ways to and from it."""

    lower: Tensor
    upper: Tensor

    def unbounded(self, image: Tensor) -> Tensor:
        """1 x 3 x H x W in [0, 1] -> what of it can vary, bounds or not."""

    def variable(self, image: Tensor) -> Tensor:
        """1 x 3 x H x W in [0, 1] -> the variable that renders it best."""

    def seen(self, variable: Tensor) -> Tensor:
        """The variable -> 1 x 3 x H x W in [0, 1], as the encoder sees it; differentiable."""

    def image(self, variable: Tensor) -> Tensor:
        """The variable -> the image in its colours, 1 x 3 x H x W in [0, 1]; differentiable."""


def to_tensor(picture: Picture, device: torch.device) -> Tensor:
    """H x W x 3 uint8 -> 1 x 3 x H x W float32 in [0, 1]."""
    return torch.tensor(np.ascontiguousarray(picture), device=device).permute(2, 0, 1)[None].float() / 255


def to_picture(image: Tensor) -> Picture:
    """1 x 3 x H x W in [0, 1] -> H x W x 3 uint8."""
    levels = (image.detach()[0] * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


class ColourCanvas:
    """The variable is the RGB image itself, 1 x 3 x H x W in [0, 1]."""

    def __init__(self, device: torch.device) -> None:
        self.lower = torch.zeros((), device=device)
        self.upper = torch.ones((), device=device)

    def unbounded(self, image: Tensor) -> Tensor:
        return image

    def variable(self, image: Tensor) -> Tensor:
        return torch.clamp(image, self.lower, self.upper)

    def seen(self, variable: Tensor) -> Tensor:
        return variable

    def image(self, variable: Tensor) -> Tensor:
        return variable


class LuminanceCanvas:
    """The variable is the luminance, 1 x 1 x H x W; the content's chroma is kept (Gatys 2017, section 5.1).

    Each pixel's bounds are the luminances at which its chroma is still a colour of the gamut, so none is clipped.
    """

    def __init__(self, content: Tensor) -> None:
        self._luma = torch.tensor(LUMA, dtype=torch.float32, device=content.device)[None, :, None, None]
        self._chroma = content - self.unbounded(content)
        self.lower = -self._chroma.amin(1, keepdim=True)
        self.upper = 1 - self._chroma.amax(1, keepdim=True)

    def unbounded(self, image: Tensor) -> Tensor:
        return (image * self._luma).sum(1, keepdim=True)

    def variable(self, image: Tensor) -> Tensor:
        return torch.clamp(self.unbounded(image), self.lower, self.upper)

    def seen(self, variable: Tensor) -> Tensor:
        return variable.expand(-1, 3, -1, -1)

    def image(self, variable: Tensor) -> Tensor:
        return variable + self._chroma


def canvas_for(color: str, content: Tensor, protect: Tensor | None = None) -> Canvas:
    """The canvas for the option `color` over a content image, 1 x 3 x H x W in [0, 1].

    `protect`, H x W in [0, 1], narrows the bounds around the content: 1 leaves it as it is, and 0.5 half the way to
    either end of the gamut.
    """
    canvas = LuminanceCanvas(content) if color == "luminance" else ColourCanvas(content.device)
    if protect is not None:
        kept = canvas.variable(content)
        canvas.lower = torch.lerp(canvas.lower.expand_as(kept), kept, protect)
        canvas.upper = torch.lerp(canvas.upper.expand_as(kept), kept, protect)
    return canvas
