"""The objective J = alpha J_content + beta J_style + gamma TV (Gatys et al. 2016, eq. 1, 4, 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from service.engine.vgg import VGG
from service.options import TransferOptions

BAND = 256  # rows of an image that are worked on at a time, so that no intermediate result is as large as it
NORM_FLOOR = 1e-12  # a target without any norm (a black picture) still has something to divide by


@dataclass(frozen=True)
class Losses:
    """The terms of the objective, unweighted, and their weighted total."""

    content: float
    style: float
    tv: float
    total: float


@dataclass(frozen=True, eq=False)
class StyleTarget:
    """The Gram matrices that a region should have (Gatys et al. 2017, section 4).

    Attributes:
        grams: layer -> C x C, divided by the sum of the weights that it was taken with.
        weights: layer -> H' x W', how much each position counts, the square of the paper's guidance channel; None
            where all count alike.
    """

    grams: Mapping[str, Tensor]
    weights: Mapping[str, Tensor] | None = None

    def weights_of(self, layer: str) -> Tensor | None:
        return None if self.weights is None else self.weights[layer]


class _GramDistance(torch.autograd.Function):
    """||Gram(F) - T||^2 of 1 x C x H x W features F.

    Its gradient is 4/(H W) F (Gram(F) - T). With weights, the gradient at each position is multiplied by the
    position's weight and divided by the mean weight.

    The gradient is one matrix product in the features' own precision and layout (channels last); stock autograd
    takes two, in another layout. The distance is summed in at least float32.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        difference = gram_sum(features, weights) / total_weight(_positions(features), weights) - target
        ctx.save_for_backward(features, difference, weights)
        return difference.square().sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        features, difference, weights = ctx.saved_tensors
        factor = 4 * grads[0] / total_weight(_positions(features), weights)
        return gram_gradient(features, difference * factor, weights), None, None


def gram_sum(features: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the sum of w f f^T over all positions, C x C, in at least float32.

    Features are 1 x C x H x W; weights are H x W, or None where all positions count alike.
    """
    rows = _rows(features)
    weighted = rows if weights is None else rows * weights.reshape(-1, 1).to(rows.dtype)
    return _widened(weighted.t() @ rows)


def total_weight(positions: int, weights: Tensor | None) -> Tensor | int:
    """Return what a Gram matrix is divided by: the number of positions, or the sum of their weights."""
    return positions if weights is None else weights.sum().clamp_min(NORM_FLOOR)


def gram_gradient(features: Tensor, inner: Tensor, weights: Tensor | None) -> Tensor:
    """Return w F inner: the gradient at F, if the one at its weighted Gram sum is `inner` / 2 (symmetric)."""
    _, channels, height, width = features.shape
    gradient = _rows(features) @ inner.to(features.dtype)
    if weights is not None:
        gradient *= weights.reshape(-1, 1).to(gradient.dtype)
    return gradient.reshape(1, height, width, channels).permute(0, 3, 1, 2)


def _positions(features: Tensor) -> int:
    return features.shape[2] * features.shape[3]


def _rows(features: Tensor) -> Tensor:
    """View B x C x H x W features, channels last, as (B H W) x C, without a copy."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _widened(tensor: Tensor) -> Tensor:
    """Return a tensor in at least float32."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def squares(tensor: Tensor) -> Tensor:
    """Return the sum of the squares, in at least float32; a scalar."""
    return _widened(tensor).square().sum()


def content_factor(target: Tensor, scaling: str) -> Tensor | float:
    """Return the factor of ||a - t||^2 in the content loss of one layer.

    gatys: 1 / 2 (eq. 1); per_element: 1 / (2 C H W); relative: 1 / ||t||^2.
    """
    if scaling == "relative":
        return 1 / squares(target).clamp_min(NORM_FLOOR)
    return 1 / 2 if scaling == "gatys" else 1 / (2 * target.numel())


def style_factor(target: Tensor, scaling: str, weights: Tensor | None = None) -> Tensor | float:
    """Return the factor of ||G - T||^2, each Gram divided by its own H*W, in the style loss of one layer.

    relative: 1 / ||T||^2; otherwise 1 / (4 C^2), which is eq. 4 where both pictures have one size and also works
    where their sizes differ. With weights, the factor is multiplied by their mean: the gradient at each place is
    then its weight times the gradient without weights.
    """
    factor: Tensor | float = 1 / (4 * target.numel())
    if scaling == "relative":
        factor = 1 / target.square().sum().clamp_min(NORM_FLOOR)
    return factor if weights is None else factor * weights.mean()


def content_loss(features: Tensor, target: Tensor, scaling: str) -> Tensor:
    """Return the distance of features from the content image's, both 1 x C x H x W; a scalar."""
    return squares(features - target) * content_factor(target, scaling)


def style_loss(features: Tensor, target: Tensor, scaling: str, weights: Tensor | None = None) -> Tensor:
    """Return the distance of the features' Gram from a C x C target, each divided by its own H*W; a scalar.

    Features are 1 x C x H x W. With weights, H x W, both are divided by the sum of the weights instead.
    """
    distance: Tensor = _GramDistance.apply(features, target, weights)  # type: ignore[no-untyped-call]
    return distance * style_factor(target, scaling, weights)


def total_variation(image: Tensor) -> Tensor:
    """Return the mean squared difference of neighbours along x plus that along y, of B x 3 x H x W; a scalar."""
    loss: Tensor = _TotalVariation.apply(image)  # type: ignore[no-untyped-call]
    return loss


class _TotalVariation(torch.autograd.Function):
    """The total variation in bands of rows, so that no intermediate result is as large as the image."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        across, down = (image.new_zeros(()) for _ in range(2))
        for band, _ in _bands(image):
            across = across + band.diff(dim=-1)[..., :BAND, :].square().sum()
            down = down + band.diff(dim=-2).square().sum()
        wide, high = _differences(image)
        return across / wide + down / high

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        gradient = torch.zeros_like(image)
        add_variation_gradient(gradient, image, grads[0])
        return gradient


def add_variation_gradient(gradient: Tensor, image: Tensor, factor: Tensor | float) -> None:
    """Add the gradient of the image's total variation, times a factor, to another gradient."""
    wide, high = _differences(image)
    for band, within in _bands(image):
        across = band.diff(dim=-1)[..., :BAND, :] * (2 * factor / wide)
        down = band.diff(dim=-2) * (2 * factor / high)
        rows = gradient[..., within, :]
        rows[..., :BAND, 1:] += across
        rows[..., :BAND, :-1] -= across
        rows[..., 1:, :] += down
        rows[..., :-1, :] -= down


def _bands(image: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """Yield the image in bands of BAND rows and the row after them, each with its place."""
    for top in range(0, image.shape[-2], BAND):
        within = slice(top, top + BAND + 1)
        yield image[..., within, :], within


def _differences(image: Tensor) -> tuple[int, int]:
    """Count the differences of neighbours along x and along y."""
    height, width = image.shape[-2:]
    planes = image.shape[0] * image.shape[1]
    return planes * height * (width - 1), planes * (height - 1) * width


class Objective:
    """The objective J as a function of the image, with fixed targets.

    Args:
        content: layer -> 1 x C x H' x W' features of the content image, for every content layer.
        styles: one target for each region, each with every style layer.
    """

    def __init__(
        self,
        encoder: VGG,
        content: Mapping[str, Tensor],
        styles: Sequence[StyleTarget],
        options: TransferOptions,
    ) -> None:
        self.encoder = encoder
        self.options = options
        self.layers = options.layers
        self.content = content
        self.styles = styles

    def losses(self, seen: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Return the scalars `content`, `style`, `tv` (of the image) and `total`.

        `seen` is what the encoder sees of `image`, both 1 x 3 x H x W in [0, 1]; they differ only if the encoder sees
        nothing but luminance.
        """
        return self.summed(*self.by_layer(seen), total_variation(image))

    def by_layer(
        self, seen: Tensor, on_tick: Callable[[], None] = lambda: None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the content and the style loss of each layer, before its weight; differentiable.

        `on_tick` is called before each convolution.
        """
        options, content, style = self.options, {}, {}
        for layer, f in self.encoder.walk(seen, self.layers, on_tick):
            if layer in options.content_layers:
                content[layer] = content_loss(f, self.content[layer], options.loss_scaling)
            if layer in options.style_layers:
                regions = [
                    style_loss(f, target.grams[layer], options.loss_scaling, target.weights_of(layer))
                    for target in self.styles
                ]
                style[layer] = torch.stack(regions).sum()
        return content, style

    def summed(self, content: Mapping[str, Tensor], style: Mapping[str, Tensor], tv: Tensor) -> dict[str, Tensor]:
        """Return `content`, `style`, `tv` and `total` from the losses of the layers and the total variation."""
        options = self.options
        content_sum = _weighted_sum(content, options.content_layers)
        style_sum = _weighted_sum(style, options.style_layers)
        weighted = options.content_weight * content_sum + options.style_weight * style_sum
        total = weighted + options.tv_weight * tv
        return {"content": content_sum, "style": style_sum, "tv": tv, "total": total}

    def scale(self) -> float:
        """Return the total of an image whose features are all zero: the unit in which a total is large or small."""
        options, scaling = self.options, self.options.loss_scaling
        content = {layer: squares(f) * content_factor(f, scaling) for layer, f in self.content.items()}
        style = {
            layer: torch.stack(
                [squares(t.grams[layer]) * style_factor(t.grams[layer], scaling, t.weights_of(layer))
                 for t in self.styles]
            ).sum()
            for layer in options.style_layers
        }  # fmt: skip
        return float(self.summed(content, style, torch.ones(()))["total"]) or 1.0


def _weighted_sum(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Sum the losses of the layers by their weights."""
    return torch.stack([weights[layer] * loss for layer, loss in losses.items()]).sum()


def as_losses(terms: Mapping[str, Tensor]) -> Losses:
    """Return the terms as numbers; reading them waits for the device."""
    return Losses(**{name: float(term) for name, term in terms.items()})
