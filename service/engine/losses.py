"""The objective J = alpha J_content + beta J_style + gamma TV (Gatys et al. 2016, eq. 1, 4, 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from service.engine.options import TransferOptions
from service.engine.vgg import VGG

NORM_FLOOR = 1e-12  # a target without any norm (a black picture) still has something to divide by


@dataclass(frozen=True)
class Losses:
    """The terms of the objective, unweighted, and their weighted total."""

    content: float
    style: float
    tv: float
    total: float


class _Gram(torch.autograd.Function):
    """F^T F of a P x C matrix. Stock autograd takes two matrix products back; the Gram is symmetric, so one does."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(matrix)
        return matrix.t() @ matrix

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (matrix,) = ctx.saved_tensors
        return torch.as_tensor(matrix @ (grads[0] + grads[0].t()))


def gram_matrix(features: Tensor) -> Tensor:
    """B x C x H x W -> B x C x C, divided by H*W (Gatys 2016, eq. 3, without that division)."""
    channels, height, width = features.shape[1:]
    rows = features.permute(0, 2, 3, 1).reshape(features.shape[0], height * width, channels)
    grams = [_Gram.apply(matrix) for matrix in rows]  # type: ignore[no-untyped-call]
    return torch.stack(grams) / (height * width)


def content_loss(features: Tensor, target: Tensor, scaling: str) -> Tensor:
    """Distance of features from the content image's, both 1 x C x H x W; a scalar.

    gatys: 1/2 ||a - t||^2 (eq. 1); per_element: that by C H W; relative: ||a - t||^2 / ||t||^2.
    """
    distance = (features - target).square().sum()
    if scaling == "relative":
        return distance / target.square().sum().clamp_min(NORM_FLOOR)
    return distance / 2 if scaling == "gatys" else distance / (2 * target.numel())


def style_loss(gram: Tensor, target: Tensor, scaling: str) -> Tensor:
    """Distance of two Grams, both 1 x C x C and each divided by its own H*W; a scalar.

    relative: ||G - T||^2 / ||T||^2; otherwise a quarter of the mean squared error, which is eq. 4 with
    1 / (2 H W C)^2 where both pictures have one size, and holds where they differ.
    """
    distance = (gram - target).square().sum()
    if scaling == "relative":
        return distance / target.square().sum().clamp_min(NORM_FLOOR)
    return distance / (4 * target.numel())


def total_variation(image: Tensor) -> Tensor:
    """B x 3 x H x W in [0, 1] -> mean squared difference of neighbours along x plus that along y; a scalar."""
    across = (image[..., :, 1:] - image[..., :, :-1]).square().mean()
    down = (image[..., 1:, :] - image[..., :-1, :]).square().mean()
    return across + down


class Objective:
    """J as a function of the image, its targets fixed.

    Args:
        content: 1 x 3 x H x W in [0, 1].
        grams: layer -> C x C target for every style layer, divided by the H*W it was taken over.
    """

    def __init__(self, encoder: VGG, content: Tensor, grams: Mapping[str, Tensor], options: TransferOptions) -> None:
        self.encoder = encoder
        self.options = options
        self._layers = set(options.content_layers) | set(options.style_layers)
        self._grams = {layer: grams[layer].to(content)[None] for layer in options.style_layers}
        with torch.no_grad():
            self._content = encoder(content, options.content_layers)

    def losses(self, seen: Tensor, image: Tensor) -> dict[str, Tensor]:
        """What the encoder sees and the image itself, both 1 x 3 x H x W in [0, 1], which are one unless the encoder
        only sees luminance -> the scalars `content`, `style`, `tv` (of the image) and `total`."""
        features = self.encoder(seen, self._layers)
        grams = {layer: gram_matrix(features[layer]) for layer in self._grams}
        return self._terms(features, grams, total_variation(image))

    def scale(self) -> float:
        """The total of an image without any features: what a total counts as large or as nothing against."""
        features = {layer: torch.zeros_like(target) for layer, target in self._content.items()}
        grams = {layer: torch.zeros_like(target) for layer, target in self._grams.items()}
        return float(self._terms(features, grams, torch.ones(()))["total"]) or 1.0

    def _terms(self, features: Mapping[str, Tensor], grams: Mapping[str, Tensor], tv: Tensor) -> dict[str, Tensor]:
        options = self.options
        content = sum_of(
            weight * content_loss(features[layer], self._content[layer], options.loss_scaling)
            for layer, weight in options.content_layers.items()
        )
        style = sum_of(
            weight * style_loss(grams[layer], self._grams[layer], options.loss_scaling)
            for layer, weight in options.style_layers.items()
        )
        total = options.content_weight * content + options.style_weight * style + options.tv_weight * tv
        return {"content": content, "style": style, "tv": tv, "total": total}

    def evaluate(self, seen: Tensor, image: Tensor) -> Losses:
        """The losses without their gradient."""
        with torch.no_grad():
            return as_losses(self.losses(seen, image))


def sum_of(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum()


def as_losses(terms: Mapping[str, Tensor]) -> Losses:
    return Losses(**{name: float(term) for name, term in terms.items()})
