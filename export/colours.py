"""Maps from RGB in [0, 1] to the colours that weights were trained on: their order, range and mean."""

from dataclasses import dataclass

import numpy as np

from export.vgg19 import Array

_IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB in [0, 1]
_IMAGENET_STD = (0.229, 0.224, 0.225)  # RGB in [0, 1]
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR in [0, 255]

# How conv1_1's second and third filters weigh blue, green, red, and the left, middle and right column (sums over all
# other axes) in the network that Simonyan and Zisserman published. Both filters differ between colours and between
# left and right, so that the network doesn't match if its channels are reversed to RGB or its kernels turned by 180
# degrees.
VGG_MARGINS = np.array([[1.004, 0.309, -0.819, 0.218, 0.451, -0.175], [0.155, 0.831, -0.432, 0.559, 0.627, -0.633]])
_SAME_FILTER = 0.98  # cosine; 8-bit rounding of the weights stays above 0.9999


@dataclass(frozen=True)
class Preprocess:
    """A linear map of colours: weight 3 x 3 x 1 x 1 (out x in) and bias 3, both float32."""

    weight: Array
    bias: Array


def torchvision_colours() -> Preprocess:
    """Return torchvision's colours: RGB less ImageNet's mean, divided by its standard deviation."""
    std = np.array(_IMAGENET_STD)
    return _preprocess(np.diag(1 / std), -np.array(_IMAGENET_MEAN) / std)


def caffe_colours() -> Preprocess:
    """Return the colours of the original Caffe network and its conversions: BGR in [0, 255] less ImageNet's mean."""
    return _preprocess(255 * np.eye(3)[::-1], -np.array(_CAFFE_MEAN))


def _preprocess(matrix: np.ndarray, bias: np.ndarray) -> Preprocess:
    return Preprocess(matrix.reshape(3, 3, 1, 1).astype(np.float32), bias.astype(np.float32))


def is_original_vgg(weight: Array) -> bool:
    """Return whether conv1_1's weight (out x 3 x 3 x 3) is that of Simonyan and Zisserman's own network, BGR.

    The weights' sizes can't tell a network for [0, 255] from one for unit variance: the original's first weights
    reach 0.65 and torchvision's 0.96, and the original's features are simply some hundred times larger. So the first
    filters are compared, only by direction, so that filters that were rescaled one by one match too.
    """
    if weight.shape[1:] != (3, 3, 3) or weight.shape[0] <= len(VGG_MARGINS):
        return False
    filters = weight[1 : 1 + len(VGG_MARGINS)]
    found = np.concatenate([filters.sum(axis=(2, 3)), filters.sum(axis=(1, 2))], axis=1)
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(VGG_MARGINS, axis=1)
    return bool(((found * VGG_MARGINS).sum(axis=1) > _SAME_FILTER * norms).all())
