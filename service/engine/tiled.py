"""The objective of an image that is too large to be differentiated in one piece.

Gram matrices are sums over positions. So a first pass over tiles, without a graph, gives the losses of the whole
image. With these, a second pass computes each tile's part of the gradient. That is exact, because a tile includes all
pixels that its features depend on (Galerne et al. 2022, "Scaling Painting Style Transfer", section 3). Memory is
needed for a few images and one tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from service.engine.losses import (
    Objective,
    StyleTarget,
    add_variation_gradient,
    content_factor,
    gram_gradient,
    gram_sum,
    squares,
    style_factor,
    total_variation,
    total_weight,
)
from service.engine.vgg import VGG
from service.network.geometry import Tile, stride, tiles
from service.options import TransferOptions

ByLayer = dict[str, Tensor]


class TiledObjective(Objective):
    """An Objective that is computed by tiles, which see `side` x `side` pixels at most.

    Args:
        on_tick: called before each tile; what it raises ends the evaluation.
    """

    def __init__(
        self,
        encoder: VGG,
        content: Mapping[str, Tensor],
        styles: Sequence[StyleTarget],
        options: TransferOptions,
        *,
        side: int,
        on_tick: Callable[[], None],
    ) -> None:
        super().__init__(encoder, content, styles, options)
        self._side = side
        self._on_tick = on_tick
        self._content_factors = {k: content_factor(f, options.loss_scaling) for k, f in content.items()}
        self._style_factors = [
            {k: style_factor(gram, options.loss_scaling, target.weights_of(k)) for k, gram in target.grams.items()}
            for target in styles
        ]

    def losses(self, seen: Tensor, image: Tensor) -> dict[str, Tensor]:
        """Return the losses of an image; only the total can be differentiated."""
        with torch.no_grad():
            content, style, differences = self._measure(seen.detach())
            terms = self.summed(content, style, total_variation(image))
            if not seen.requires_grad:
                return terms
            gradient = self._gradient(seen.detach(), differences)
            if seen is image:  # one gradient less to keep
                add_variation_gradient(gradient, image.detach(), self.options.tv_weight)
        terms["total"] = terms["total"] + _Carried.apply(seen, gradient)  # type: ignore[no-untyped-call]
        if seen is not image:
            variation = total_variation(image)
            terms["total"] = terms["total"] + self.options.tv_weight * (variation - variation.detach())
        return terms

    def by_layer(self, seen: Tensor, on_tick: Callable[[], None] = lambda: None) -> tuple[ByLayer, ByLayer]:
        """Return the losses of each layer, without a gradient."""
        with torch.no_grad():
            return self._measure(seen.detach())[:2]

    def _measure(self, seen: Tensor) -> tuple[ByLayer, ByLayer, list[ByLayer]]:
        """Return the losses of the layers and, for each region, the errors of its Grams: the first pass."""
        distances: ByLayer = dict.fromkeys(self.content, seen.new_zeros(()))
        sums = [dict.fromkeys(target.grams, seen.new_zeros(())) for target in self.styles]
        for tile in self._tiles(seen):
            for layer, own in self._own_features(_cut(seen, tile), tile):
                if layer in distances:
                    distances[layer] = distances[layer] + squares(own - _own(self.content[layer], tile, layer))
                for target, region in zip(self.styles, sums, strict=True):
                    if layer in region:
                        region[layer] = region[layer] + gram_sum(own, _own_weights(target, tile, layer))
        differences = [
            {k: gram / _divisor(target, k, seen) - target.grams[k] for k, gram in region.items()}
            for target, region in zip(self.styles, sums, strict=True)
        ]
        content = {k: distance * self._content_factors[k] for k, distance in distances.items()}
        style = dict.fromkeys(self.options.style_layers, seen.new_zeros(()))
        for off, factors in zip(differences, self._style_factors, strict=True):
            style = {k: loss + squares(off[k]) * factors[k] for k, loss in style.items()}
        return content, style, differences

    def _gradient(self, seen: Tensor, differences: list[ByLayer]) -> Tensor:
        """Return the gradient of content_weight * content + style_weight * style: the second pass."""
        inner = [
            {k: off[k] * (self._style_pull(k) * factors[k] / _divisor(target, k, seen)) for k in off}
            for target, factors, off in zip(self.styles, self._style_factors, differences, strict=True)
        ]
        gradient = torch.zeros_like(seen)
        for tile in self._tiles(seen):
            leaf = _cut(seen, tile).contiguous().requires_grad_()
            with torch.enable_grad():
                features = dict(self._own_features(leaf, tile))
            pulls = [self._pull(layer, own.detach(), tile, inner) for layer, own in features.items()]
            (part,) = torch.autograd.grad(list(features.values()), leaf, pulls)
            _cut(gradient, tile).add_(part)
        return gradient

    def _pull(self, layer: str, own: Tensor, tile: Tile, inner: list[ByLayer]) -> Tensor:
        """Return the gradient at a tile's own features."""
        pull = torch.zeros_like(own)
        if layer in self.content:
            factor = (
                2 * self.options.content_weight * self.options.content_layers[layer] * self._content_factors[layer]
            )
            pull += (own - _own(self.content[layer], tile, layer)) * factor
        for target, region in zip(self.styles, inner, strict=True):
            if layer in region:
                pull += gram_gradient(own, region[layer], _own_weights(target, tile, layer))
        return pull

    def _style_pull(self, layer: str) -> float:
        return 4 * self.options.style_weight * self.options.style_layers[layer]

    def _tiles(self, seen: Tensor) -> Iterator[Tile]:
        for tile in tiles(seen.shape[2], seen.shape[3], self.layers, self._side):
            self._on_tick()
            yield tile

    def _own_features(self, cut: Tensor, tile: Tile) -> Iterator[tuple[str, Tensor]]:
        """Yield the features that belong to a tile, computed from the pixels that it sees."""
        for layer, features in self.encoder.walk(cut, self.layers):
            rows, columns = (span.own_within(stride(layer)) for span in (tile.rows, tile.columns))
            yield layer, features[..., rows, columns]


def encode_tiled(
    encoder: VGG, seen: Tensor, layers: Iterable[str], side: int, on_tick: Callable[[], None]
) -> dict[str, Tensor]:
    """Return the features of an image too large to be encoded in one piece, as the encoder itself would."""
    wanted = set(layers)
    found: dict[str, Tensor] = {}
    for tile in tiles(seen.shape[2], seen.shape[3], wanted, side):
        on_tick()
        for layer, features in encoder.walk(_cut(seen, tile), wanted):
            step = stride(layer)
            if layer not in found:
                size = (1, features.shape[1], seen.shape[2] // step, seen.shape[3] // step)
                found[layer] = features.new_empty(size).contiguous(memory_format=torch.channels_last)
            _own(found[layer], tile, layer).copy_(
                features[..., tile.rows.own_within(step), tile.columns.own_within(step)]
            )
    return found


class _Carried(torch.autograd.Function):
    """Zero, with a gradient that was found elsewhere."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return seen.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.gradient.mul_(grads[0]), None  # in place: nothing else uses this gradient


def _cut(image: Tensor, tile: Tile) -> Tensor:
    """View the pixels that a tile sees."""
    return image[..., tile.rows.seen(), tile.columns.seen()]


def _own(features: Tensor, tile: Tile, layer: str) -> Tensor:
    """View a tile's own part of a tensor that is laid out as a layer's features."""
    return features[..., tile.rows.own(stride(layer)), tile.columns.own(stride(layer))]


def _own_weights(target: StyleTarget, tile: Tile, layer: str) -> Tensor | None:
    weights = target.weights_of(layer)
    return None if weights is None else _own(weights, tile, layer)


def _divisor(target: StyleTarget, layer: str, seen: Tensor) -> Tensor | int:
    """Return what a layer's Gram sum is divided by."""
    step = stride(layer)
    return total_weight((seen.shape[2] // step) * (seen.shape[3] // step), target.weights_of(layer))
