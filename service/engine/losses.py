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


class _GramDistance(torch.autograd.Function):
    """||Gram(F) - T||^2 of 1 x C x H x W features, Gram(F) divided by H*W; its gradient is 4/(H W) F (Gram(F) - T).

    The gradient is one matrix product in the features' own precision and layout (channels last); stock autograd
    takes two, in another layout. The distance is summed in at least float32.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        difference = gram_matrix(features)[0] - target
        ctx.save_for_backward(features, difference)
        return difference.square().sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        features, difference = ctx.saved_tensors
        _, channels, height, width = features.shape
        inner = (difference * (4 * grads[0] / (height * width))).to(features.dtype)
        gradient = _rows(features) @ inner
        return gradient.reshape(1, height, width, channels).permute(0, 3, 1, 2), None


def _rows(features: Tensor) -> Tensor:
    """B x C x H x W, channels last -> (B H W) x C, without a copy."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _widened(tensor: Tensor) -> Tensor:
    """In float32, unless it has more."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def gram_matrix(features: Tensor) -> Tensor:
    """B x C x H x W -> B x C x C, divided by H*W (Gatys 2016, eq. 3, without that division); at least float32."""
    positions = features.shape[2] * features.shape[3]
    return torch.stack([_widened(rows.t() @ rows) / positions for rows in map(_rows, features[:, None])])


def content_loss(features: Tensor, target: Tensor, scaling: str) -> Tensor:
    """Distance of features from the content image's, both 1 x C x H x W; a scalar.

    gatys: 1/2 ||a - t||^2 (eq. 1); per_element: that by C H W; relative: ||a - t||^2 / ||t||^2.
    """
    distance = _widened(features - target).square().sum()
    if scaling == "relative":
        return distance / _widened(target).square().sum().clamp_min(NORM_FLOOR)
    return distance / 2 if scaling == "gatys" else distance / (2 * target.numel())


def style_loss(features: Tensor, target: Tensor, scaling: str) -> Tensor:
    """Distance of the Gram of 1 x C x H x W features from a C x C target, each divided by its own H*W; a scalar.

    relative: ||G - T||^2 / ||T||^2; otherwise a quarter of the mean squared error, which is eq. 4 with
    1 / (2 H W C)^2 where both pictures have one size, and holds where they differ.
    """
    distance: Tensor = _GramDistance.apply(features, target)  # type: ignore[no-untyped-call]
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
        self._grams = {layer: grams[layer].to(content) for layer in options.style_layers}
        with torch.no_grad():
            self._content = encoder(content, options.content_layers)

    def losses(self, seen: Tensor, image: Tensor) -> dict[str, Tensor]:
        """What the encoder sees and the image itself, both 1 x 3 x H x W in [0, 1], which are one unless the encoder
        only sees luminance -> the scalars `content`, `style`, `tv` (of the image) and `total`."""
        return self._terms(self.encoder.walk(seen, self._layers), total_variation(image))

    def scale(self) -> float:
        """The total of an image without any features: what a total counts as large or as nothing against."""
        like = next(iter(self._content.values()))
        empty = {layer: like.new_zeros(1, len(gram), 1, 1) for layer, gram in self._grams.items()}
        empty |= {layer: torch.zeros_like(target) for layer, target in self._content.items()}
        return float(self._terms(empty.items(), torch.ones(()))["total"]) or 1.0

    def _terms(self, features: Iterable[tuple[str, Tensor]], tv: Tensor) -> dict[str, Tensor]:
        options, content, style = self.options, [], []
        for layer, f in features:
            if layer in options.content_layers:
                loss = content_loss(f, self._content[layer], options.loss_scaling)
                content.append(options.content_layers[layer] * loss)
            if layer in options.style_layers:
                loss = style_loss(f, self._grams[layer], options.loss_scaling)
                style.append(options.style_layers[layer] * loss)
        sums = {"content": torch.stack(content).sum(), "style": torch.stack(style).sum(), "tv": tv}
        weighted = options.content_weight * sums["content"] + options.style_weight * sums["style"]
        return {**sums, "total": weighted + options.tv_weight * tv}

    def evaluate(self, seen: Tensor, image: Tensor) -> Losses:
        """The losses without their gradient."""
        with torch.no_grad():
            return as_losses(self.losses(seen, image))


def as_losses(terms: Mapping[str, Tensor]) -> Losses:
    return Losses(**{name: float(term) for name, term in terms.items()})
