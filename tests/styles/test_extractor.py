"""ONNX Runtime's Grams are torch's, from sessions that all sets of layers share, in one piece or by tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from styles.style_images import FIVE

from bench.objectives import gram_matrix
from service.engine.vgg import build_encoder
from service.errors import Unavailable
from service.network.geometry import layer_masks, reach, stride, tiles
from service.network.layers import LAYERS
from service.network.model import Model
from service.pictures.images import Picture
from service.styles import extractor as extracting
from service.styles.extractor import GramExtractor, Grams
from service.styles.pieces import Pieces


@pytest.mark.parametrize("size", [(60, 80), (16, 16), (33, 47)], ids=["usual", "smallest", "odd"])
@pytest.mark.slow
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


def features(model: Model, picture: Picture) -> dict[str, np.ndarray]:
    """Layer -> C x H' x W' float64, by torch."""
    image = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        found = build_encoder(model, torch.device("cpu"))(image, FIVE)
    return {layer: f[0].double().numpy() for layer, f in found.items()}


def assert_close(grams: Grams, expected: Mapping[str, np.ndarray], share: float = 1e-4) -> None:
    assert set(grams) == set(expected)
    for layer, gram in grams.items():
        assert np.linalg.norm(gram - expected[layer]) < share * np.linalg.norm(expected[layer]), layer


@pytest.fixture
def many_tiles(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pixels along each side that a tile sees, where pictures of more than a few pixels go by tiles."""
    monkeypatch.setattr(extracting, "WHOLE", 1000)
    monkeypatch.setattr(extracting, "TILE", 208)
    return 208


@pytest.mark.usefixtures("many_tiles")
@pytest.mark.parametrize("size", [(240, 400), (301, 207), (40, 333)], ids=["usual", "odd", "flat"])
def test_a_large_picture_has_the_grams_that_it_has_in_one_piece(
    extractor: GramExtractor, texture: Picture, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    picture = texture[: size[0], : size[1]]
    grams = extractor.grams(picture, FIVE)
    monkeypatch.setattr(extracting, "WHOLE", picture.size)
    assert_close(grams, extractor.grams(picture, FIVE))


@pytest.mark.usefixtures("many_tiles")
def test_grams_of_any_picture_are_float32s(extractor: GramExtractor, small_texture: Picture) -> None:
    for mask in (None, np.ones(small_texture.shape[:2], np.float32)):
        assert {gram.dtype for gram in extractor.grams(small_texture, FIVE, mask).values()} == {np.dtype(np.float32)}


def test_a_tick_comes_before_each_tile_and_what_it_raises_ends_this(
    extractor: GramExtractor, texture: Picture, many_tiles: int
) -> None:
    class Canceled(Exception):
        pass

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == last:
            raise Canceled

    ticks: list[int] = []
    expected = len(tiles(240, 300, FIVE, many_tiles)) * (1 + len(FIVE))  # before each, and at each of its layers
    assert expected > 5
    last = 0
    extractor.grams(texture[:240, :300], FIVE, on_tick=tick)
    assert len(ticks) == expected
    ticks, last = [], 3
    with pytest.raises(Canceled):
        extractor.grams(texture[:240, :300], FIVE, on_tick=tick)
    assert len(ticks) == last


def test_a_mask_of_ones_changes_nothing(extractor: GramExtractor, small_texture: Picture) -> None:
    white = np.ones(small_texture.shape[:2], np.float32)
    assert_close(extractor.grams(small_texture, FIVE, white), extractor.grams(small_texture, FIVE))
    assert_close(extractor.grams(small_texture, FIVE, white / np.float32(3)), extractor.grams(small_texture, FIVE))


@pytest.mark.parametrize("side", [896, 208], ids=["in one tile", "by tiles"])
def test_with_a_mask_each_position_counts_as_much_as_the_mask_says(
    extractor: GramExtractor, model: Model, texture: Picture, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    """Sums in numpy over torch's features."""
    monkeypatch.setattr(extracting, "TILE", side)
    picture = texture[:101, :259]
    mask = np.zeros(picture.shape[:2], np.float32)
    mask[:, :90] = np.linspace(0.2, 1, 90)
    weights = layer_masks(mask, FIVE)
    expected = {
        layer: np.einsum("kij,lij,ij->kl", f, f, weights[layer]) / weights[layer].sum(dtype=np.float64)
        for layer, f in features(model, picture).items()
    }
    assert_close(extractor.grams(picture, FIVE, mask), expected)
    plain = extractor.grams(picture, FIVE)
    for layer in FIVE:
        assert np.linalg.norm(plain[layer] - expected[layer]) > 0.01 * np.linalg.norm(expected[layer])


def test_what_lies_far_from_all_that_is_masked_is_not_looked_at(extractor: GramExtractor, texture: Picture) -> None:
    """Features that see something of the mask count, and they see as far beyond it."""
    picture, other = texture[:64, :320], texture[:64, :320].copy()
    far = 64 + 2 * (reach("relu5_1") + stride("relu5_1"))
    other[:, far:] = 255 - other[:, far:]
    mask = np.zeros((64, 320), np.float32)
    mask[:, :64] = 1
    one, same = (extractor.grams(seen, FIVE, mask) for seen in (picture, other))
    assert_close(same, one, 1e-6)


def test_under_a_black_mask_there_is_nothing(extractor: GramExtractor, small_texture: Picture) -> None:
    black = extractor.grams(small_texture, FIVE, np.zeros(small_texture.shape[:2], np.float32))
    assert not any(gram.any() for gram in black.values())


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[onnx.GraphProto]:
    """The graphs that sessions are made over from now on."""
    made: list[onnx.GraphProto] = []

    def session(data: bytes, *args: Any, **kwargs: Any) -> ort.InferenceSession:
        made.append(onnx.load_model_from_string(data).graph)
        return make(data, *args, **kwargs)

    make = ort.InferenceSession
    monkeypatch.setattr(ort, "InferenceSession", session)
    return made


def test_every_weight_is_in_one_session_whatever_layers_are_asked_for(
    model: Model, small_texture: Picture, graphs: list[onnx.GraphProto]
) -> None:
    """A session for each set of layers would hold the network once more."""
    extractor = GramExtractor(model, "cpu", 1)
    made = len(graphs)
    for layers in (["relu1_1"], ["relu2_1", "relu5_4"], ["relu3_3"], [*LAYERS]):
        assert set(extractor.grams(small_texture, layers)) == set(layers)
        extractor.grams(small_texture, layers, np.ones(small_texture.shape[:2], np.float32))
    assert len(graphs) == made
    weights = [tensor.name for graph in graphs for tensor in graph.initializer if tensor.name.endswith(".weight")]
    assert sorted(weights) == sorted({*model.parameters()} & {*weights})
    assert len(weights) == len(LAYERS) + 1  # and the colours


@pytest.mark.parametrize(
    ("layers", "pieces", "grams"),
    [
        (["relu1_1"], 1, 1),
        (["relu2_1"], 2, 1),
        (["relu1_1", "relu3_2"], 4, 2),
        (["relu5_1"], 7, 1),
        (["relu5_4"], 8, 1),
    ],
)
def test_no_piece_deeper_than_the_layers_is_computed(  # noqa: PLR0917
    model: Model, small_texture: Picture, monkeypatch: pytest.MonkeyPatch, layers: list[str], pieces: int, grams: int
) -> None:
    sources = []
    run = Pieces._run

    def noted(self: Pieces, session: Any, source: str, *rest: Any) -> list[ort.OrtValue]:
        sources.append(source)
        return run(self, session, source, *rest)

    monkeypatch.setattr(Pieces, "_run", noted)
    GramExtractor(model, "cpu", 1).grams(small_texture, layers)
    assert len(sources) == pieces + grams


class FakeSession:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.asked = kwargs["providers"]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_the_provider_is_the_one_that_the_session_got(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime falls back to the CPU without a word."""
    monkeypatch.setattr(ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(extracting, "_has_cuda_driver", lambda: True)
    assert GramExtractor(model, "auto", 1).provider == "CPUExecutionProvider"
    with pytest.raises(Unavailable, match="only got CPUExecutionProvider"):
        GramExtractor(model, "cuda", 1)


def test_cuda_is_asked_for_where_a_driver_and_the_package_have_it_and_not_for_cpu(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cuda(FakeSession):
        def get_providers(self) -> list[str]:
            return [provider if isinstance(provider, str) else provider[0] for provider in self.asked]

    monkeypatch.setattr(ort, "InferenceSession", Cuda)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    both, cpu_alone = ["CUDAExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]
    for has_driver, built, device, provider in (
        (True, both, "auto", "CUDAExecutionProvider"),
        (True, both, "cuda", "CUDAExecutionProvider"),
        (True, both, "cpu", "CPUExecutionProvider"),
        (False, both, "auto", "CPUExecutionProvider"),
        (True, cpu_alone, "auto", "CPUExecutionProvider"),
    ):
        monkeypatch.setattr(ort, "get_available_providers", lambda built=built: built)
        monkeypatch.setattr(extracting, "_has_cuda_driver", lambda has_driver=has_driver: has_driver)
        assert GramExtractor(model, device, 1).provider == provider
