"""VGG19 by ONNX Runtime in pieces, each with a session of its own, so that every weight is in memory once.

ONNX Runtime computes every node of a graph, also those that no wanted output needs, and keeps its own copies of the
weights for each session. With a graph for each set of layers, a worker whose jobs have different layers would hold
VGG19 several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """A part of the graph: its input, the layers that it computes, and what the next piece begins with."""

    source: str
    layers: tuple[str, ...]
    onward: str

    @property
    def outputs(self) -> list[str]:
        return [*dict.fromkeys([*self.layers, self.onward])]


class Pieces:
    """VGG19 up to any layer, and the Gram matrices of features.

    A piece ends after a pooling, because little is handed on there, and in the deep blocks after the first
    convolution, where pictures are usually compared. What is computed beyond the deepest wanted layer is at most
    three convolutions.
    """

    def __init__(self, proto: onnx.ModelProto, options: ort.SessionOptions, providers: Sequence[Provider]) -> None:
        def session(source: str, outputs: Sequence[str]) -> ort.InferenceSession:
            return ort.InferenceSession(cut(proto, source, outputs), options, providers=list(providers))

        self._pieces = [(piece, session(piece.source, piece.outputs)) for piece in _parts()]
        self._gram = session(LAYERS[0], [GRAM + LAYERS[0]])
        self.provider: str = self._gram.get_providers()[0]
        """The provider that ONNX Runtime uses: it falls back to the CPU without an error."""
        self._device = "cuda" if self.provider == "CUDAExecutionProvider" else "cpu"

    def walk(self, image: Features, layers: Iterable[str], use: Callable[[str, ort.OrtValue], None]) -> None:
        """Call `use` with the features of each layer, shallowest first, of a 1 x 3 x H x W image in [0, 1].

        Features that nobody uses any longer are freed before the next ones are computed.
        """
        wanted, value = set(layers), ort.OrtValue.ortvalue_from_numpy(image, self._device, 0)
        for piece, session in self._pieces:
            found = [layer for layer in piece.layers if layer in wanted]
            wanted.difference_update(found)
            names = [*dict.fromkeys([*found, piece.onward] if wanted else found)]
            values = self._run(session, piece.source, value, names)
            value = values[-1]
            for layer in found:
                use(layer, values.pop(0))
            if not wanted:
                return
            values.clear()

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


def _parts() -> Iterator[_Piece]:
    source = IMAGE
    for block in sorted({layer[4] for layer in LAYERS}):
        layers = tuple(layer for layer in LAYERS if layer[4] == block)
        pool = f"pool{block}" if layers[-1] != LAYERS[-1] else layers[-1]
        if len(layers) == 2:  # noqa: PLR2004 - a shallow block
            yield _Piece(source, layers, pool)
        else:
            yield _Piece(source, layers[:1], layers[0])
            yield _Piece(layers[0], layers[1:], pool)
        source = pool


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
