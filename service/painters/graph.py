"""A painter as an ONNX model, which needs nothing but ONNX Runtime: on a server, in a browser, on a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from service.painters.shape import BLOCKS, EPSILON, OCTAVES, parameter_shapes
from service.painters.weights import PainterWeights

OPSET, IR_VERSION = 17, 8  # both as in ONNX 1.12 of 2022, so that older runtimes read the file too
FREE: list[str | int | None] = ["N", 3, "H", "W"]

Weights = Mapping[str, npt.NDArray[Any]]


def onnx_file(painter: PainterWeights, facts: Mapping[str, str]) -> bytes:
    """Return a painter as an ONNX file in float32; `facts` go into its metadata beside its own."""
    own = {"nst.size": str(painter.size), "nst.model": painter.model}
    return build_model(painter.weights, painter.size, own | dict(facts)).SerializeToString(deterministic=True)


def build_model(weights: Weights, size: int, facts: Mapping[str, str]) -> onnx.ModelProto:
    """Build the model: `photograph` N x 3 x H x W, RGB in [0, 1] -> `painting` of that shape and range.

    H and W are free, from 16 pixels on.

    Args:
        weights: named as service.painters.shape says.
        size: long edge in pixels that the painter learned for.
        facts: metadata of the file.
    """
    graph = _Graph(weights, size)
    half = graph.layer(graph.centred(), "to_half", side=5, stride=2)
    quarter = graph.layer(half, "to_quarter", stride=2)
    y = graph.layer(quarter, "to_eighth", stride=2)
    for k in range(BLOCKS):
        inner = graph.layer(y, f"blocks.{k}.first")
        y = graph.node("Add", [y, graph.normalized(inner, f"blocks.{k}.second")], f"blocks.{k}")
    y = graph.layer(graph.joined(y, "narrow_quarter", quarter), "join_quarter")
    y = graph.layer(graph.joined(y, "narrow_half", half), "join_half")
    graph.paint(graph.convolution(y, "head", ["head.weight", "head.bias"]))
    model = helper.make_model(
        graph.whole(),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="neural-style-service",
    )
    helper.set_model_props(model, dict(facts))
    return model


class _Graph:
    """The network's parts as nodes. Each node has one output with the node's name, which the methods return."""

    def __init__(self, weights: Weights, size: int) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants = [
            numpy_helper.from_array(weights[name].astype(np.float32), name) for name in parameter_shapes()
        ]
        self._octaves = self._add_octaves(size)

    def whole(self) -> onnx.GraphProto:
        photograph, painting = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, FREE) for name in ("photograph", "painting")
        )
        return helper.make_graph(self._nodes, "painter", [photograph], [painting], self._constants)

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def _integers(self, name: str, *values: int) -> str:
        self._constants.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name

    def _real(self, name: str, value: float) -> str:
        self._constants.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
        return name

    def _add_octaves(self, size: int) -> str:
        """Add the octaves from the size that the painter learned for to the picture's, within OCTAVES; a scalar."""
        self.node("Shape", ["photograph"], "sides", start=2, end=4)
        self.node("Cast", ["sides"], "sides.real", to=TensorProto.FLOAT)
        self.node("ReduceMax", ["sides.real"], "longest", keepdims=0)
        self.node("Div", ["longest", self._real("size", size)], "ratio")
        self.node("Log", ["ratio"], "ratio.log")
        self.node("Div", ["ratio.log", self._real("octave", math.log(2))], "octaves.free")
        bounds = [self._real("octaves.least", -OCTAVES), self._real("octaves.most", OCTAVES)]
        return self.node("Clip", ["octaves.free", *bounds], "octaves")

    def centred(self) -> str:
        """Return the photograph in [-1, 1]."""
        self.node("Mul", ["photograph", self._real("two", 2)], "photograph.doubled")
        return self.node("Sub", ["photograph.doubled", self._real("one", 1)], "photograph.centred")

    def layer(self, x: str, name: str, *, side: int = 3, stride: int = 1) -> str:
        return self.node("Relu", [self.normalized(x, name, side=side, stride=stride)], name)

    def normalized(self, x: str, name: str, *, side: int = 3, stride: int = 1) -> str:
        y = self.convolution(x, f"{name}.convolution", [f"{name}.convolution.weight"], side=side, stride=stride)
        scale, shift = (self._at_size(f"{name}.normalization.{part}") for part in ("scale", "shift"))
        return self.node("InstanceNormalization", [y, scale, shift], f"{name}.normalization", epsilon=EPSILON)

    def convolution(self, x: str, name: str, weights: Sequence[str], *, side: int = 3, stride: int = 1) -> str:
        margin = [0, 0, side // 2, side // 2]
        self.node("Pad", [x, self._integers(f"{name}.margin", *margin, *margin)], f"{name}.mirrored", mode="reflect")
        shape = {"kernel_shape": [side, side], "strides": [stride, stride]}
        return self.node("Conv", [f"{name}.mirrored", *weights], name, **shape)

    def _at_size(self, name: str) -> str:
        """Return a normalisation's scale or shift for the picture's size."""
        parts = [self._integers(f"{name}.{part}.index", k) for k, part in enumerate(("base", "slope"))]
        channels = [self.node("Gather", [name, part], f"{part}ed", axis=0) for part in parts]
        base, slope = (
            self.node("Squeeze", [row, self._integers(f"{row}.axis", 0)], f"{row}.row") for row in channels
        )
        self.node("Mul", [slope, self._octaves], f"{name}.change")
        return self.node("Add", [base, f"{name}.change"], f"{name}.at_size")

    def joined(self, coarse: str, name: str, fine: str) -> str:
        """Narrow coarse features, enlarge them to the size of fine ones, and put both together."""
        self.node("Conv", [coarse, f"{name}.weight", f"{name}.bias"], name, kernel_shape=[1, 1])
        self.node("Shape", [name], f"{name}.channels", end=2)
        self.node("Shape", [fine], f"{name}.sides", start=2)
        self.node("Concat", [f"{name}.channels", f"{name}.sides"], f"{name}.shape", axis=0)
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        self.node("Resize", [name, "", "", f"{name}.shape"], f"{name}.enlarged", **nearest)
        return self.node("Concat", [f"{name}.enlarged", fine], f"{name}.joined", axis=1)

    def paint(self, head: str) -> str:
        """Turn four values of each channel into four pixels in [0, 1], and cut the picture to size."""
        self.node("DepthToSpace", [head], "shuffled", blocksize=2, mode="CRD")
        self.node("Sigmoid", ["shuffled"], "whole")
        begin, axes = self._integers("cut.begin", 0, 0), self._integers("cut.axes", 2, 3)
        return self.node("Slice", ["whole", begin, "sides", axes], "painting")
