"""The parity check passes on what the export writes and fails on anything else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.check import SIZES, TOLERANCE, check_model, photo_like
from export.errors import ExportError
from export.graph import build_model
from export.sources import random_weights
from export.vgg19 import POOLINGS, RELUS, Pooling


def node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def attribute(model: onnx.ModelProto, name: str, key: str) -> onnx.AttributeProto:
    return next(attribute for attribute in node(model, name).attribute if attribute.name == key)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_true_model_agrees_at_every_layer_and_size(tmp_path: Path, pooling: Pooling) -> None:
    table = check_model(saved(build_model(random_weights(16, 0), pooling), tmp_path))
    assert [row.layer for row in table] == list(RELUS)
    assert all(len(row.features) == len(row.gram) == len(SIZES) for row in table)
    assert max(row.worst for row in table) < TOLERANCE / 10
    assert table[-1].shape == (1, 32, 6, 8)


def skip_a_relu(model: onnx.ModelProto) -> None:
    node(model, "conv3_2").input[0] = "conv3_1"


def swap_two_layers(model: onnx.ModelProto) -> None:
    first, second = node(model, "conv4_3"), node(model, "conv4_4")
    for index in (1, 2):
        first.input[index], second.input[index] = second.input[index], first.input[index]


def lose_a_bias(model: onnx.ModelProto) -> None:
    del node(model, "conv5_1").input[2]


def pool_by_average(model: onnx.ModelProto) -> None:
    node(model, "pool2").op_type = "AveragePool"


def round_pooling_up(model: onnx.ModelProto) -> None:
    # Only an odd side shows this one.
    node(model, "pool1").attribute.append(onnx.helper.make_attribute("ceil_mode", 1))


def pad_with_black(model: onnx.ModelProto) -> None:
    """Fold the colours into conv1_1, which is wrong: the image is padded, not the preprocessed image."""
    node(model, "preprocessed").attribute.append(onnx.helper.make_attribute("pads", [1, 1, 1, 1]))
    attribute(model, "conv1_1", "pads").ints[:] = [0, 0, 0, 0]


def scale_a_gram(model: onnx.ModelProto) -> None:
    node(model, "gram_relu2_1").op_type = "Mul"


def read_the_wrong_gram(model: onnx.ModelProto) -> None:
    node(model, "gram_relu5_4.flat").input[0] = "relu5_3"


def change_a_weight_slightly(model: onnx.ModelProto) -> None:
    """A second initializer of nearly the same values: the graph uses it, the contract's name does not."""
    original = next(i for i in model.graph.initializer if i.name == "conv2_2.weight")
    copy = numpy_helper.from_array(numpy_helper.to_array(original) * np.float32(1.001), "copy")
    model.graph.initializer.append(copy)
    node(model, "conv2_2").input[1] = "copy"


@pytest.mark.parametrize(
    ("tamper", "layer"),
    [
        (skip_a_relu, "relu3_2"),
        (swap_two_layers, "relu4_3"),
        (lose_a_bias, "relu5_1"),
        (pool_by_average, "relu3_1"),
        (round_pooling_up, "relu2_1"),
        (pad_with_black, "relu1_1"),
        (scale_a_gram, "relu2_1"),
        (read_the_wrong_gram, "relu5_4"),
        (change_a_weight_slightly, "relu2_2"),
    ],
)
@pytest.mark.slow
def test_a_wrong_graph_is_refused_at_its_first_wrong_layer(
    tmp_path: Path, tamper: Callable[[onnx.ModelProto], None], layer: str
) -> None:
    model = build_model(random_weights(16, 0), "max")
    tamper(model)
    with pytest.raises(ExportError, match=f"differ at {layer}: "):
        check_model(saved(model, tmp_path))


def test_metadata_that_names_another_pooling_is_refused(tmp_path: Path) -> None:
    model = build_model(random_weights(16, 0), "max")
    next(prop for prop in model.metadata_props if prop.key == "nst.pooling").value = "avg"
    with pytest.raises(ExportError, match="differ at relu2_1"):
        check_model(saved(model, tmp_path))


def test_an_invalid_graph_is_refused(tmp_path: Path) -> None:
    model = build_model(random_weights(16, 0), "max")
    node(model, "conv1_2").input[0] = "nothing"
    with pytest.raises(ExportError, match="not valid ONNX"):
        check_model(saved(model, tmp_path))


def test_a_wrong_declared_shape_is_refused(tmp_path: Path) -> None:
    model = build_model(random_weights(16, 0), "max")
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    with pytest.raises(ExportError, match="not valid ONNX"):
        check_model(saved(model, tmp_path))


def test_the_image_of_the_check_is_like_a_photo() -> None:
    image = photo_like(161, 80)
    assert image.shape == (1, 3, 161, 80)
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.2
    assert 0.8 < image.max() <= 1
    assert len(np.unique(image)) > 10_000  # noise
    assert np.abs(np.diff(image, axis=3)).max() > 0.2  # edges
    assert np.median(np.abs(np.diff(image, axis=3))) < 0.05  # smooth between them
