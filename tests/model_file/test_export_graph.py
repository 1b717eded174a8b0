"""The contract of models/README.md, held on a narrow network."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from model_file.weight_files import caffe_weights, narrow_caffe
from onnx import numpy_helper

from export.check import photo_like
from export.graph import build_model
from export.sources import random_weights
from export.vgg19 import POOLINGS, Pooling

LAYERS = [f"relu{b}_{i}" for b, n in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, n + 1)]


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    return build_model(random_weights(16, 0), "max")


def run(model: onnx.ModelProto, image: np.ndarray) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": image}), strict=True))


def test_input_and_outputs_have_their_names_and_dynamic_shapes(model: onnx.ModelProto) -> None:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["N", 3, "H", "W"])
    outputs = {output.name: output.shape for output in session.get_outputs()}
    assert list(outputs) == LAYERS + [f"gram_{layer}" for layer in LAYERS]
    assert outputs["relu1_2"] == ["N", 4, "H", "W"]
    assert outputs["relu4_2"] == ["N", 32, "H//8", "W//8"]
    assert outputs["gram_relu3_1"] == ["N", 16, 16]


def test_initializers_are_named_after_the_layers(model: onnx.ModelProto) -> None:
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    for layer in LAYERS:
        conv = layer.replace("relu", "conv")
        assert shapes[f"{conv}.weight"][0] == shapes[f"{conv}.bias"][0]
    assert shapes["preprocess.weight"] == (3, 3, 1, 1)
    assert shapes["preprocess.bias"] == (3,)
    assert shapes["conv3_1.weight"] == (16, 8, 3, 3)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_metadata_says_where_the_weights_come_from(pooling: Pooling) -> None:
    model = build_model(random_weights(16, 7), pooling)
    assert {p.key: p.value for p in model.metadata_props} == {
        "nst.format": "1",
        "nst.weights": "random-16-seed7",
        "nst.source": "random numbers for tests, seed 7, width divided by 16",
        "nst.source_sha256": "none: numpy.random.default_rng(7)",
        "nst.licence": "none needed",
        "nst.pooling": pooling,
    }


def test_the_same_weights_give_the_same_bytes() -> None:
    first, second = (
        build_model(random_weights(16, 0), "max").SerializeToString(deterministic=True) for _ in range(2)
    )
    other = build_model(random_weights(16, 1), "max").SerializeToString(deterministic=True)
    assert first == second
    assert first != other


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (50, 33)])
def test_grams_are_those_of_the_features_at_any_size_and_batch(
    model: onnx.ModelProto, height: int, width: int
) -> None:
    image = np.concatenate([photo_like(height, width), 1 - photo_like(height, width)])
    found = run(model, image)
    for layer in LAYERS:
        features = found[layer].astype(np.float64)
        halvings = int(layer[4]) - 1
        assert features.shape[2:] == (height >> halvings, width >> halvings)
        gram = np.einsum("nchw,ndhw->ncd", features, features) / np.prod(features.shape[2:])
        np.testing.assert_allclose(found[f"gram_{layer}"], gram, rtol=1e-4, atol=1e-6 * gram.max())


def test_average_pooling_averages(model: onnx.ModelProto) -> None:
    image = photo_like(32, 48)
    average = run(build_model(random_weights(16, 0), "avg"), image)
    weights = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    before = average["relu1_2"]
    pooled = before.reshape(1, 4, 16, 2, 24, 2).mean(axis=(3, 5))
    # The pixel of conv2_1 at (5, 7), by hand.
    window = pooled[0, :, 4:7, 6:9]
    pixel = (weights["conv2_1.weight"] * window).sum(axis=(1, 2, 3)) + weights["conv2_1.bias"]
    np.testing.assert_allclose(average["relu2_1"][0, :, 5, 7], pixel.clip(0), rtol=1e-4, atol=1e-5)
    assert not np.allclose(average["relu2_1"], run(model, image)["relu2_1"], rtol=0.01)


def test_the_border_is_padded_with_the_mean_colour() -> None:
    """An image of the mean colour becomes zero, so that conv1_1 sees no border: its bias everywhere."""
    weights = caffe_weights(narrow_caffe())
    mean = np.array([123.68, 116.779, 103.939], dtype=np.float32) / 255
    image = np.broadcast_to(mean.reshape(1, 3, 1, 1), (1, 3, 16, 16)).copy()
    found = run(build_model(weights, "max"), image)["relu1_1"]
    expected = weights.convs["conv1_1"].bias.clip(0).reshape(1, -1, 1, 1)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-4)
