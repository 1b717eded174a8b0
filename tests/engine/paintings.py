"""Helpers for tests of whole transfers: their fixtures' types, and what they are measured against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from engine.reference import as_image, content_term, gram_means, total_variation, vgg_features

from service.engine.stylize import Result
from service.network.model import Model
from service.options import TransferOptions

GramsOf = Callable[..., dict[str, np.ndarray]]
Run = Callable[..., Result]
Pair = tuple[np.ndarray, np.ndarray]
Painted = Callable[..., tuple[Result, list[int]]]


def expected_losses(
    model: Model, picture: np.ndarray, content: np.ndarray, style: np.ndarray, options: TransferOptions
) -> dict[str, float]:
    """The losses of a picture in numpy and float64."""
    g, c, s = (vgg_features(model.parameters(), "max", as_image(x)) for x in (picture, content, style))
    form = options.loss_scaling
    losses = {"content": sum(w * content_term(g[n], c[n], form) for n, w in options.content_layers.items())}
    losses["style"] = 0.0
    for layer, weight in options.style_layers.items():
        gram, target = gram_means(g[layer]), gram_means(s[layer])
        norm = (target**2).sum() if form == "relative" else 4 * target.size
        losses["style"] += weight * float(((gram - target) ** 2).sum() / norm)
    losses["tv"] = total_variation(as_image(picture))
    weights = (options.content_weight, options.style_weight, options.tv_weight)
    losses["total"] = sum(w * losses[name] for w, name in zip(weights, ("content", "style", "tv"), strict=True))
    return losses


def luminance(picture: np.ndarray) -> npt.NDArray[np.float64]:
    return picture.astype(np.float64) @ [0.299, 0.587, 0.114]


def chroma(picture: np.ndarray) -> npt.NDArray[np.float64]:
    """R - Y, G - Y and B - Y in levels."""
    return picture.astype(np.float64) - luminance(picture)[..., None]
