"""ONNX Runtime's Grams are torch's, over a graph that is cut to the layers asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from style_images import FIVE

from service.engine.losses import gram_matrix
from service.engine.options import LAYERS
from service.engine.vgg import build_encoder
from service.errors import Unavailable
from service.images import Picture
from service.model import Model
from service.styles import extractor as extracting
from service.styles.extractor import GramExtractor


@pytest.mark.parametrize("size", [(60, 80), (16, 16), (33, 47)], ids=["usual", "smallest", "odd"])
def test_onnx_runtimes_grams_are_torchs(
    extractor: GramExtractor, model: Model, small_texture: Picture, size: tuple[int, int]
) -> None:
    picture = small_texture[: size[0], : size[1]]
    grams = extractor.grams(picture, LAYERS)
    image = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        expected = {
            layer: gram_matrix(f)[0].numpy()
            for layer, f in build_encoder(model, torch.device("cpu"))(image, LAYERS).items()
        }
    assert set(grams) == set(LAYERS)
    for layer, gram in grams.items():
        assert gram.dtype == np.float32
        assert gram.shape == expected[layer].shape
        assert np.linalg.norm(gram - expected[layer]) < 1e-4 * np.linalg.norm(expected[layer]), layer


def test_the_order_of_the_layers_changes_nothing(extractor: GramExtractor, small_texture: Picture) -> None:
    forth, back = extractor.grams(small_texture, FIVE), extractor.grams(small_texture, FIVE[::-1])
    for layer in FIVE:
        np.testing.assert_array_equal(forth[layer], back[layer])


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[onnx.GraphProto]:
    """The graphs that sessions are made over from now on."""
    made: list[onnx.GraphProto] = []

    def session(data: bytes, *args: Any, **kwargs: Any) -> ort.InferenceSession:
        made.append(onnx.load_model_from_string(data).graph)
        return make(data, *args, **kwargs)

    make = ort.InferenceSession
    monkeypatch.setattr(extracting.ort, "InferenceSession", session)
    return made


@pytest.mark.parametrize(
    ("layers", "convolutions"), [(["relu1_1"], 1), (["relu2_1"], 3), (["relu1_1", "relu3_2"], 6), (["relu5_4"], 16)]
)
def test_the_graph_is_cut_to_the_layers_asked_for(
    model: Model, small_texture: Picture, graphs: list[onnx.GraphProto], layers: list[str], convolutions: int
) -> None:
    GramExtractor(model, "cpu", 1).grams(small_texture, layers)
    operators = [node.op_type for node in graphs[-1].node]
    assert operators.count("Conv") == convolutions + 1  # and the colours
    assert operators.count("MatMul") == len(layers)
    assert [output.name for output in graphs[-1].output] == [f"gram_{layer}" for layer in layers]


def test_a_set_of_layers_gets_one_session(
    model: Model, small_texture: Picture, graphs: list[onnx.GraphProto]
) -> None:
    extractor = GramExtractor(model, "cpu", 1)
    made = len(graphs)
    sets = [(f"relu{block}_1",) for block in range(2, 6)]
    for layers in [*sets, *sets]:
        extractor.grams(small_texture, layers)
    assert len(graphs) == made + len(sets)
    extractor.grams(small_texture, ["relu2_1", "relu1_1"])
    extractor.grams(small_texture, ["relu1_1", "relu2_1"])  # the same set
    assert len(graphs) == made + len(sets) + 1


def test_sessions_unused_for_longest_make_room(
    model: Model, small_texture: Picture, graphs: list[onnx.GraphProto]
) -> None:
    extractor = GramExtractor(model, "cpu", 1)
    made = len(graphs)
    sets = [(f"relu{block}_1",) for block in range(2, 6)]
    for layers in [*sets, ("relu2_1",)]:
        extractor.grams(small_texture, layers)
    assert len(graphs) == made + len(sets)
    extractor.grams(small_texture, ["relu1_2"])  # in place of the one unused for longest, which is relu3_1
    extractor.grams(small_texture, ["relu4_1"])
    assert len(graphs) == made + len(sets) + 1
    extractor.grams(small_texture, ["relu3_1"])
    assert len(graphs) == made + len(sets) + 2


class FakeSession:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.asked = kwargs["providers"]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_the_provider_is_the_one_that_the_session_got(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime falls back to the CPU without a word."""
    monkeypatch.setattr(extracting.ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(extracting.ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(extracting, "_has_cuda_driver", lambda: True)
    assert GramExtractor(model, "auto", 1).provider == "CPUExecutionProvider"
    with pytest.raises(Unavailable, match="only got CPUExecutionProvider"):
        GramExtractor(model, "cuda", 1)


def test_cuda_is_asked_for_where_there_is_a_driver_and_not_for_cpu(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cuda(FakeSession):
        def get_providers(self) -> list[str]:
            return [provider if isinstance(provider, str) else provider[0] for provider in self.asked]

    monkeypatch.setattr(extracting.ort, "InferenceSession", Cuda)
    monkeypatch.setattr(extracting.ort, "preload_dlls", lambda: None)
    for has_driver, device, provider in (
        (True, "auto", "CUDAExecutionProvider"),
        (True, "cuda", "CUDAExecutionProvider"),
        (True, "cpu", "CPUExecutionProvider"),
        (False, "auto", "CPUExecutionProvider"),
    ):
        monkeypatch.setattr(extracting, "_has_cuda_driver", lambda has_driver=has_driver: has_driver)
        assert GramExtractor(model, device, 1).provider == provider
