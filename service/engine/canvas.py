"""The variable of the optimisation, and the ways from it to the encoder's input and to the delivered picture.

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
        """Return the part of an image, 1 x 3 x H x W in [0, 1], that can vary; it may be out of bounds."""

    def variable(self, image: Tensor) -> Tensor:
        """Return the variable that renders an image, 1 x 3 x H x W in [0, 1], best."""

    def seen(self, variable: Tensor) -> Tensor:
        """Return what the encoder sees of a variable, 1 x 3 x H x W in [0, 1]; differentiable."""

    def image(self, variable: Tensor) -> Tensor:
        """Return the image in its colours, 1 x 3 x H x W in [0, 1]; differentiable."""


def to_tensor(picture: Picture, device: torch.device) -> Tensor:
    """Turn H x W x 3 uint8 into 1 x 3 x H x W float32 in [0, 1]."""
    return torch.tensor(np.ascontiguousarray(picture), device=device).permute(2, 0, 1)[None].float() / 255


def to_picture(image: Tensor) -> Picture:
    """Turn 1 x 3 x H x W in [0, 1] into H x W x 3 uint8."""
    levels = (image.detach()[0] * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


class ColourCanvas:
    """A canvas whose variable is the RGB image itself, 1 x 3 x H x W in [0, 1]."""

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
    """A canvas whose variable is the luminance, 1 x 1 x H x W, over the content's chroma (Gatys 2017, section 5.1).

    Each pixel's bounds are the luminances at which its chroma is still a colour of the gamut, so no pixel is clipped.
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
    """Return the canvas for the option `color` over a content image, 1 x 3 x H x W in [0, 1].

    `protect`, H x W in [0, 1], narrows the bounds around the content: 1 leaves the content as it is, and 0.5 allows
    half of the way to either end of the gamut.
    """
    canvas = LuminanceCanvas(content) if color == "luminance" else ColourCanvas(content.device)
    if protect is not None:
        kept = canvas.variable(content)
        canvas.lower = torch.lerp(canvas.lower.expand_as(kept), kept, protect)
        canvas.upper = torch.lerp(canvas.upper.expand_as(kept), kept, protect)
    return canvas
