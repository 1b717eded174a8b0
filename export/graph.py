"""The ONNX graph of VGG19's convolutions, with every feature map and every Gram matrix as an output."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.formats import Weights
from export.vgg19 import BLOCKS, Array, Pooling

_OPSET = 17
_IR_VERSION = 8  # as in ONNX 1.12, which brought the opset, so that older runtimes read the file too
_FORMAT = "1"  # of the contract in models/README.md
_POOLING_OPS: dict[Pooling, str] = {"max": "MaxPool", "avg": "AveragePool"}


class _Graph:
    """A graph under construction: nodes, initializers and outputs in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def output(self, name: str, shape: list[str | int]) -> None:
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def build_model(weights: Weights, pooling: Pooling) -> onnx.ModelProto:
    """Build the model of models/README.md: `image` N x 3 x H x W, RGB in [0, 1] -> features and Gram matrices."""
    graph = _Graph()
    graph.constant("gram.flat_shape", np.array([0, 0, -1], dtype=np.int64))
    x = _preprocess(graph, weights)
    for number, block in enumerate(BLOCKS, start=1):
        if number > 1:
            x = _pool(graph, x, number - 1, pooling)
        for name in block:
            conv = weights.convs[name]
            x = _conv_relu(graph, x, name, conv.weight, conv.bias)
            height, width = _side("H", number), _side("W", number)
            graph.output(x, ["N", conv.bias.size, height, width])
            _gram(graph, x, conv.bias.size)
    # The features first, then the Grams, for people: programs pick outputs by name.
    graph.outputs.sort(key=lambda output: output.name.startswith("gram_"))
    return _model(graph, weights, pooling)


def _side(letter: str, block: int) -> str:
    """Return the name of a side in a block; each pooling halves it and rounds down: H, H//2, H//4 …"""
    return letter if block == 1 else f"{letter}//{2 ** (block - 1)}"


def _preprocess(graph: _Graph, weights: Weights) -> str:
    # This linear map is not folded into conv1_1, which pads with zeros: after the map, zero is the mean colour, as in
    # the network's training. If the map were folded in, conv1_1 would pad with black.
    weight = graph.constant("preprocess.weight", weights.preprocess.weight)
    bias = graph.constant("preprocess.bias", weights.preprocess.bias)
    return graph.node("Conv", ["image", weight, bias], "preprocessed", kernel_shape=[1, 1])


def _conv_relu(graph: _Graph, x: str, name: str, weight: Array, bias: Array) -> str:
    inputs = [x, graph.constant(f"{name}.weight", weight), graph.constant(f"{name}.bias", bias)]
    graph.node("Conv", inputs, name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    return graph.node("Relu", [name], name.replace("conv", "relu"))


def _pool(graph: _Graph, x: str, number: int, pooling: Pooling) -> str:
    return graph.node(_POOLING_OPS[pooling], [x], f"pool{number}", kernel_shape=[2, 2], strides=[2, 2])


def _gram(graph: _Graph, features: str, channels: int) -> None:
    """Add the Gram matrix of Gatys et al. 2016, eq. 3, divided by the number of positions, n_H n_W.

    ONNX Runtime fuses Transpose and MatMul, so that nothing is copied. The division comes last, because it then has
    only C x C values.
    """
    gram = f"gram_{features}"
    flat = graph.node("Reshape", [features, "gram.flat_shape"], f"{gram}.flat")
    transposed = graph.node("Transpose", [flat], f"{gram}.transposed", perm=[0, 2, 1])
    sums = graph.node("MatMul", [flat, transposed], f"{gram}.sums")
    positions = graph.node("Shape", [flat], f"{gram}.positions", start=2, end=3)
    divisor = graph.node("Cast", [positions], f"{gram}.divisor", to=TensorProto.FLOAT)
    graph.node("Div", [sums, divisor], gram)
    graph.output(gram, ["N", channels, channels])


def _model(graph: _Graph, weights: Weights, pooling: Pooling) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "vgg19", [image], graph.outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="neural-style-service export",
    )
    helper.set_model_props(
        model,
        {
            "nst.format": _FORMAT,
            "nst.weights": weights.identifier,
            "nst.source": weights.source,
            "nst.source_sha256": weights.source_sha256,
            "nst.licence": weights.licence,
            "nst.pooling": pooling,
        },
    )
    return model
