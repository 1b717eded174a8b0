"""VGG19 by ONNX Runtime in pieces, each with a session of its own, so that every weight is in memory once.

ONNX Runtime computes every node of a graph, also those that no wanted output needs, and keeps its own copies of the
weights for each session. With a graph for each set of layers, a worker whose jobs have different layers would hold
VGG19 several times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from service.network.layers import LAYERS

Provider = str | tuple[str, dict[str, str]]
Features = npt.NDArray[np.float32]
IMAGE, GRAM = "image", "gram_"


@dataclass(frozen=True)
class _Piece:
    """A part of the graph: the name of its input, the layers that it computes, and its session."""

    source: str
    layers: tuple[str, ...]
    session: ort.InferenceSession


class Pieces:
    """VGG19 up to any layer, and the Gram matrices of features.

    The pieces end where pictures are usually compared, after the first convolution of each block, and before each
    pooling. What a piece computes beyond the deepest wanted layer is at most three convolutions.
    """

    def __init__(self, proto: onnx.ModelProto, options: ort.SessionOptions, providers: Sequence[Provider]) -> None:
        self._pieces = [
            _Piece(source, layers, _session(cut(proto, source, layers), options, providers))
            for source, layers in _parts()
        ]
        first = LAYERS[0]
        self._gram = _session(cut(proto, first, [GRAM + first]), options, providers)
        self.provider: str = self._gram.get_providers()[0]
        """The provider that ONNX Runtime uses: it falls back to the CPU without an error."""
        self._device = "cuda" if self.provider == "CUDAExecutionProvider" else "cpu"

    def walk(self, image: Features, layers: Iterable[str]) -> Iterator[tuple[str, ort.OrtValue]]:
        """Yield the features of layers, shallowest first, of a 1 x 3 x H x W image in [0, 1]; only these are kept."""
        wanted, value = set(layers), ort.OrtValue.ortvalue_from_numpy(image, self._device, 0)
        for piece in self._pieces:
            if not wanted:
                return
            found = [layer for layer in piece.layers if layer in wanted]
            wanted.difference_update(found)
            names = found if not wanted or piece.layers[-1] in found else [*found, piece.layers[-1]]
            values = dict(zip(names, self._run(piece.session, piece.source, value, names), strict=True))
            value = values[names[-1]]
            for layer in found:
                yield layer, values.pop(layer)

    def gram(self, features: ort.OrtValue) -> Features:
        """Return the C x C Gram matrix of one layer's features, divided by the number of their positions."""
        (gram,) = self._run(self._gram, LAYERS[0], features, [GRAM + LAYERS[0]])
        return np.asarray(gram.numpy()[0])

    def _run(
        self, session: ort.InferenceSession, source: str, value: ort.OrtValue, names: Sequence[str]
    ) -> list[ort.OrtValue]:
        binding = session.io_binding()
        binding.bind_ortvalue_input(source, value)
        for name in names:
            binding.bind_output(name, self._device, 0)
        session.run_with_iobinding(binding)
        return list(binding.get_outputs())


def _parts() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each piece's input and layers: the first layer of a block, then the rest of it."""
    source = IMAGE
    for block in sorted({layer[4] for layer in LAYERS}):
        first, *rest = (layer for layer in LAYERS if layer[4] == block)
        yield source, (first,)
        yield first, tuple(rest)
        source = rest[-1]


def cut(proto: onnx.ModelProto, source: str, targets: Sequence[str]) -> bytes:
    """Return the file of the part of a graph that computes tensors from another, which has four dimensions."""
    makers = {name: node for node in proto.graph.node for name in node.output}
    waiting, needed = list(targets), set[str]()
    while waiting:
        name = waiting.pop()
        if name in makers and name != source and name not in needed:
            needed.add(name)
            waiting += makers[name].input
    nodes = [node for node in proto.graph.node if needed.intersection(node.output)]
    used = {name for node in nodes for name in node.input}
    part = helper.make_graph(
        nodes,
        f"vgg19 from {source}",
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["N", "C", "H", "W"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in targets],
        [tensor for tensor in proto.graph.initializer if tensor.name in used],
    )
    model = helper.make_model(part, opset_imports=proto.opset_import, ir_version=proto.ir_version)
    return bytes(model.SerializeToString())


def _session(data: bytes, options: ort.SessionOptions, providers: Sequence[Provider]) -> ort.InferenceSession:
    return ort.InferenceSession(data, options, providers=list(providers))
