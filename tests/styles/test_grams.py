"""Gram targets: extracted right, computed once, averaged by weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from front_door import png

from service import images
from service.colour import grey
from service.engine.losses import gram_matrix
from service.engine.options import LAYERS
from service.engine.vgg import build_encoder
from service.errors import Unavailable
from service.images import Picture
from service.model import Model
from service.storage.blobs import Blobs
from service.styles import extractor as extracting
from service.styles.cache import GramCache
from service.styles.extractor import GramExtractor, Grams
from service.styles.grams import StyleGrams, StyleImage, Treatment, average

FIVE = tuple(f"relu{block}_1" for block in range(1, 6))
MIB = 2**20


# The extractor


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


# Targets


class CountingExtractor:
    """The extractor, and the pictures and layers it was asked for."""

    def __init__(self, extractor: GramExtractor) -> None:
        self._extractor = extractor
        self.asked: list[tuple[Picture, tuple[str, ...]]] = []

    def grams(self, picture: Picture, layers: Sequence[str]) -> Grams:
        self.asked.append((picture, tuple(layers)))
        return self._extractor.grams(picture, layers)


class UnusedExtractor:
    def grams(self, picture: Picture, layers: Sequence[str]) -> Grams:
        raise AssertionError("a style pass was run")


def unread() -> bytes:
    raise AssertionError("the image was read")


def style(picture: Picture, read: Callable[[], bytes] | None = None, **shares: float) -> StyleImage:
    data = png(picture)
    return StyleImage(read or (lambda: data), images.digest(data), picture.shape[1], picture.shape[0], **shares)


@pytest.fixture
def blobs() -> Blobs:
    return Blobs("memory:///")


@pytest.fixture
def counting(extractor: GramExtractor) -> CountingExtractor:
    return CountingExtractor(extractor)


@pytest.fixture
def grams(counting: Any, blobs: Blobs) -> StyleGrams:
    return StyleGrams(counting, GramCache(blobs, MIB), "model")


@pytest.fixture
def mirrored(small_texture: Picture) -> Picture:
    """Another style: the texture's colours turned round."""
    return np.ascontiguousarray(255 - small_texture[..., ::-1])


PLAIN = Treatment()


def test_the_first_time_is_a_miss_and_the_second_a_hit(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    first = grams.targets([style(small_texture)], 48, FIVE, PLAIN)
    again = grams.targets([style(small_texture)], 48, FIVE, PLAIN)
    assert (first.cache, again.cache) == ("miss", "hit")
    assert len(counting.asked) == 1
    for layer in FIVE:
        np.testing.assert_array_equal(first.grams[layer], again.grams[layer])


@pytest.mark.parametrize("memory", [MIB, 0], ids=["from memory", "from the blobs"])
def test_a_hit_runs_no_style_pass_and_does_not_even_read_the_image(
    counting: Any, blobs: Blobs, small_texture: Picture, memory: int
) -> None:
    cache = GramCache(blobs, memory)
    StyleGrams(counting, cache, "model").targets([style(small_texture)], 48, FIVE, PLAIN)
    unused: Any = UnusedExtractor()
    targets = StyleGrams(unused, cache, "model").targets([style(small_texture, read=unread)], 48, FIVE, PLAIN)
    assert targets.cache == "hit"


def test_another_worker_finds_what_one_computed(counting: Any, blobs: Blobs, small_texture: Picture) -> None:
    first = StyleGrams(counting, GramCache(blobs, MIB), "model").targets([style(small_texture)], 48, FIVE, PLAIN)
    other: Any = UnusedExtractor()
    found = StyleGrams(other, GramCache(blobs, MIB), "model").targets([style(small_texture)], 48, FIVE, PLAIN)
    assert found.cache == "hit"
    for layer in FIVE:
        np.testing.assert_array_equal(found.grams[layer], first.grams[layer])


def test_one_of_two_found_is_partial(grams: StyleGrams, small_texture: Picture, mirrored: Picture) -> None:
    grams.targets([style(small_texture)], 48, FIVE, PLAIN)
    both = [style(mirrored), style(small_texture)]
    found = [grams.targets(both, 48, FIVE, PLAIN) for _ in range(2)]
    assert [(targets.cache, targets.hits, targets.images) for targets in found] == [("partial", 1, 2), ("hit", 2, 2)]


def test_one_picture_given_twice_is_computed_once(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    one = style(small_texture)
    first = grams.targets([one, style(mirrored), one], 48, FIVE, PLAIN)
    assert (first.cache, len(counting.asked)) == ("miss", 2)
    twice = [style(small_texture, weight=2.0), style(mirrored)]
    for layer, gram in grams.targets(twice, 48, FIVE, PLAIN).grams.items():
        np.testing.assert_allclose(gram, first.grams[layer], rtol=1e-6)


def test_a_tick_comes_before_each_style_and_what_it_raises_ends_this(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    class Canceled(Exception):
        pass

    def tick() -> None:
        done.append(len(counting.asked))
        if done == [0, 1]:
            raise Canceled

    done: list[int] = []
    with pytest.raises(Canceled):
        grams.targets([style(small_texture), style(mirrored)], 48, FIVE, PLAIN, tick)
    assert done == [0, 1]


def test_all_that_a_gram_depends_on_makes_another_key(
    grams: StyleGrams, counting: Any, blobs: Blobs, small_texture: Picture, mirrored: Picture
) -> None:
    one = style(small_texture)
    grams.targets([one], 48, FIVE, PLAIN)
    others = [
        grams.targets([style(mirrored)], 48, FIVE, PLAIN),
        grams.targets([one], 49, FIVE, PLAIN),
        grams.targets([style(small_texture, scale=0.5)], 48, FIVE, PLAIN),
        grams.targets([one], 48, FIVE[:4], PLAIN),
        grams.targets([one], 48, FIVE, Treatment("grey", grey)),
        StyleGrams(counting, GramCache(blobs, MIB), "another model").targets([one], 48, FIVE, PLAIN),
    ]
    assert [targets.cache for targets in others] == ["miss"] * len(others)
    assert grams.targets([one], 48, FIVE, PLAIN).cache == "hit"


def test_what_a_gram_does_not_depend_on_makes_no_other_key(grams: StyleGrams, small_texture: Picture) -> None:
    grams.targets([style(small_texture)], 48, FIVE, PLAIN)
    assert grams.targets([style(small_texture, weight=7.0)], 48, FIVE, PLAIN).cache == "hit"
    assert grams.targets([style(small_texture)], 48, FIVE[::-1], PLAIN).cache == "hit"
    assert grams.targets([style(small_texture, scale=2.0)], 24, FIVE, PLAIN).cache == "hit"


def test_the_image_is_brought_to_scale_times_size_and_treated_then(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    grams.targets([style(small_texture, scale=0.75)], 48, ["relu1_1"], Treatment("negative", lambda p: 255 - p))
    ((picture, layers),) = counting.asked
    np.testing.assert_array_equal(picture, 255 - images.resize(small_texture, 36, 27))
    assert layers == ("relu1_1",)


def test_an_image_of_that_size_already_is_used_pixel_for_pixel(
    grams: StyleGrams, counting: CountingExtractor, small_texture: Picture
) -> None:
    grams.targets([style(small_texture)], 80, ["relu1_1"], PLAIN)
    np.testing.assert_array_equal(counting.asked[0][0], small_texture)


def test_two_styles_have_the_weighted_average_of_their_grams(
    grams: StyleGrams, extractor: GramExtractor, small_texture: Picture, mirrored: Picture
) -> None:
    styles = [style(small_texture, weight=3.0), style(mirrored, weight=1.0)]
    targets = grams.targets(styles, 80, FIVE, PLAIN).grams
    one, other = (extractor.grams(picture, FIVE) for picture in (small_texture, mirrored))
    for layer in FIVE:
        np.testing.assert_allclose(targets[layer], 0.75 * one[layer] + 0.25 * other[layer], rtol=1e-5, atol=1e-6)
        assert targets[layer].dtype == np.float32


def test_a_style_without_weight_is_as_if_it_were_not_there(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture
) -> None:
    alone = grams.targets([style(small_texture)], 48, FIVE, PLAIN).grams
    beside = grams.targets([style(small_texture), style(mirrored, weight=0.0)], 48, FIVE, PLAIN).grams
    for layer in FIVE:
        np.testing.assert_array_equal(alone[layer], beside[layer])


# The average


def some_grams(seed: int) -> Grams:
    rng = np.random.default_rng(seed)
    return {layer: rng.random((c, c), dtype=np.float32) for layer, c in (("relu1_1", 4), ("relu2_1", 8))}


def test_the_average_lies_between_and_only_the_weights_ratio_counts() -> None:
    a, b = some_grams(0), some_grams(1)
    for weights in ((1.0, 3.0), (1e-6, 3e-6), (1e6 / 3, 1e6)):
        mixed = average([a, b], weights)
        for layer in a:
            np.testing.assert_allclose(mixed[layer], 0.25 * a[layer] + 0.75 * b[layer], rtol=1e-6)


def test_the_average_of_one_is_that_one() -> None:
    for layer, gram in average([some_grams(0)], [0.3]).items():
        np.testing.assert_array_equal(gram, some_grams(0)[layer])


def test_averaging_changes_nothing_that_is_cached(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture
) -> None:
    before = grams.targets([style(small_texture)], 48, FIVE, PLAIN).grams
    mixed = grams.targets([style(small_texture), style(mirrored)], 48, FIVE, PLAIN).grams
    mixed["relu1_1"][:] = 0
    after = grams.targets([style(small_texture)], 48, FIVE, PLAIN).grams
    np.testing.assert_array_equal(before["relu1_1"], after["relu1_1"])
