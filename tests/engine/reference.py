"""The slides' sums in numpy and float64, with nothing of the engine: what the engine is measured against."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BLOCKS = (2, 2, 4, 4, 4)  # convolutions of VGG19 between two poolings


def vgg_features(parameters: Mapping[str, npt.NDArray[np.float32]], pooling: str, image: Array) -> dict[str, Array]:
    """3 x H x W in [0, 1] -> every layer's C x H' x W' features."""
    x = convolve(image, *layer_weights(parameters, "preprocess"), padding=0)
    features = {}
    for block, count in enumerate(BLOCKS, start=1):
        if block > 1:
            x = pool(x, pooling)
        for i in range(1, count + 1):
            x = np.maximum(convolve(x, *layer_weights(parameters, f"conv{block}_{i}"), padding=1), 0)
            features[f"relu{block}_{i}"] = x
    return features


def layer_weights(parameters: Mapping[str, npt.NDArray[np.float32]], name: str) -> tuple[Array, Array]:
    return parameters[f"{name}.weight"].astype(np.float64), parameters[f"{name}.bias"].astype(np.float64)


def convolve(x: Array, weight: Array, bias: Array, padding: int) -> Array:
    """y[o, i, j] = b[o] + sum over c, u, v of w[o, c, u, v] x[c, i + u, j + v], x padded with zeros."""
    size = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    height, width = x.shape[1] + 2 * padding - size + 1, x.shape[2] + 2 * padding - size + 1
    y = np.zeros((len(weight), height, width)) + bias[:, None, None]
    for u in range(size):
        for v in range(size):
            y += np.tensordot(weight[:, :, u, v], padded[:, u : u + height, v : v + width], axes=1)
    return y


def pool(x: Array, pooling: str) -> Array:
    """2 x 2 with stride 2; an odd last row or column is left out."""
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    corners = np.stack([x[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1)])
    pooled: Array = corners.max(axis=0) if pooling == "max" else corners.mean(axis=0)
    return pooled


def gram_sums(features: Array) -> Array:
    """Gram_kk' = sum_ij a_ijk a_ijk'; C x H x W -> C x C."""
    gram: Array = np.einsum("kij,lij->kl", features, features)
    return gram


def gram_means(features: Array) -> Array:
    """The Gram divided by the number of positions it was summed over."""
    positions: int = features.shape[1] * features.shape[2]
    return gram_sums(features) / positions


def content_term(features: Array, target: Array, scaling: str) -> float:
    distance = float(((features - target) ** 2).sum())
    if scaling == "relative":
        return distance / float((target**2).sum())
    return distance / 2 if scaling == "gatys" else distance / 2 / target.size


def style_term(features: Array, target: Array, scaling: str) -> float:
    """Return the style loss of two pictures' features, which may differ in size."""
    gram, wanted = gram_means(features), gram_means(target)
    if scaling == "relative":
        return float(((gram - wanted) ** 2).sum() / (wanted**2).sum())
    return float(((gram - wanted) ** 2).mean() / 4)


def total_variation(image: Array) -> float:
    """C x H x W: mean squared difference of neighbours along x plus that along y."""
    return float((np.diff(image, axis=2) ** 2).mean() + (np.diff(image, axis=1) ** 2).mean())


def as_image(picture: npt.NDArray[np.uint8]) -> Array:
    """H x W x 3 uint8 -> 3 x H x W in [0, 1]."""
    return picture.transpose(2, 0, 1).astype(np.float64) / 255
