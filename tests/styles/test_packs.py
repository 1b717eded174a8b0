"""Packs: what comes back of them, what is refused, and that a style made of one is the preset's."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save
from style_images import FIVE, PLAIN, file, style, style_image

from service.images import Picture
from service.styles.extractor import GramExtractor
from service.styles.grams import Style, StyleGrams
from service.styles.packs import CHANNELS, LADDER, Pack, UnusablePack

Tensors = dict[str, np.ndarray]
IMAGES = [{"sha256": "5" * 64, "width": 80, "height": 60, "weight": 1.0, "scale": 0.5}]


def gram(channels: int = 4, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).random((100, channels))
    return np.asarray(rows.T @ rows / 100, np.float32)


def jpeg(width: int = 20, height: int = 15) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "#3377bb").save(buffer, "JPEG")
    return buffer.getvalue()


def some_pack(**changes: Any) -> Pack:
    ladder = {
        size: {"relu1_1": gram(4, size), "relu5_1": gram(8, size + 1), "relu3_1": gram(6, size)}
        for size in (32, 64, 128)
    }
    fields = {"model": "a" * 64, "description": "Waves, 波", "images": IMAGES, "thumbnail": jpeg(), "ladder": ladder}
    return Pack(**(fields | changes))


def changed(tensors: Tensors | None = None, without: str = "", **preset: Any) -> bytes:
    """A pack's file with other tensors or other facts; None takes a fact away."""
    kept = {name: tensor for name, tensor in load(some_pack().to_bytes()).items() if name != without}
    facts = {"version": 1, "model": "a" * 64, "description": "", "images": IMAGES} | preset
    return save(kept | (tensors or {}), {"preset": json.dumps({k: v for k, v in facts.items() if v is not None})})


def refusal(data: bytes) -> str:
    with pytest.raises(UnusablePack) as caught:
        Pack.from_bytes(data)
    return str(caught.value)


# There and back


def test_a_pack_survives_the_way_to_a_file_and_back() -> None:
    pack = some_pack()
    found = Pack.from_bytes(pack.to_bytes())
    assert (found.model, found.description, found.images) == (pack.model, pack.description, pack.images)
    assert list(found.ladder) == [32, 64, 128]
    for size, grams in pack.ladder.items():
        assert set(found.ladder[size]) == set(grams)
        for layer, expected in grams.items():
            np.testing.assert_array_equal(found.ladder[size][layer], expected)
    assert Image.open(io.BytesIO(found.thumbnail)).size == (20, 15)
    assert found.layers == ["relu1_1", "relu3_1", "relu5_1"]


def test_its_sizes_are_in_their_order_however_the_file_has_them() -> None:
    tensors = {f"{size}/{layer}": gram(4) for size in (1024, 7) for layer in ("relu1_1", "relu3_1", "relu5_1")}
    assert list(Pack.from_bytes(changed(tensors)).ladder) == [7, 32, 64, 128, 1024]


def test_its_thumbnail_is_a_jpeg_of_our_own() -> None:
    """Nobody else's bytes are served, whatever follows the picture in them."""
    found = Pack.from_bytes(some_pack(thumbnail=jpeg() + b"<script>").to_bytes())
    assert b"<script>" not in found.thumbnail
    assert Image.open(io.BytesIO(found.thumbnail)).format == "JPEG"


def test_real_grams_are_taken(extractor: GramExtractor, small_texture: Picture) -> None:
    black = np.zeros((32, 32, 3), np.uint8)
    ladder = {32: extractor.grams(black, FIVE), 64: extractor.grams(small_texture, FIVE)}
    found = Pack.from_bytes(some_pack(ladder=ladder).to_bytes())
    for size, grams in ladder.items():
        for layer in FIVE:
            np.testing.assert_array_equal(found.ladder[size][layer], grams[layer])


@pytest.mark.parametrize("channels", [16, 64])
def test_a_gram_of_one_position_is_taken(channels: int) -> None:
    """Of rank 1, all other eigenvalues are rounding."""
    features = np.random.default_rng(0).random(channels, dtype=np.float32) * 1e6
    tensors = {"32/relu1_1": np.outer(features, features)}
    np.testing.assert_array_equal(Pack.from_bytes(changed(tensors)).ladder[32]["relu1_1"], tensors["32/relu1_1"])


def test_as_many_channels_as_vgg19_has_are_taken() -> None:
    ladder = {
        64: {f"relu{block}_1": np.eye(channels, dtype=np.float32) for block, channels in enumerate(CHANNELS, 1)}
    }
    assert Pack.from_bytes(some_pack(ladder=ladder).to_bytes()).layers == list(FIVE)


# What is refused


def broken() -> dict[str, bytes]:
    whole = some_pack().to_bytes()
    header = int.from_bytes(whole[:8], "little")
    plain = {"32/relu1_1": gram(), "thumbnail": np.frombuffer(jpeg(), np.uint8)}
    return {
        "empty": b"",
        "a text": b"This is no pack, it is a text. " * 10,
        "a picture": jpeg(),
        "without its last byte": whole[:-1],
        "with something behind it": whole + b"more",
        "without its tensors": whole[: 8 + header],
        "with a huge header size": b"\xff" * 8 + whole[8:],
        "noise": np.random.default_rng(0).bytes(len(whole)),
        "without metadata": save(plain),
        "of another kind": save(plain, {"format": "pt"}),
        "with a preset that is no JSON": save(plain, {"preset": "{"}),
        "with a preset without end": save(plain, {"preset": "[" * 100_000}),
    }


@pytest.mark.parametrize("data", broken().values(), ids=broken())
def test_what_is_no_pack_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("not a pack")


@pytest.mark.parametrize("preset", ["[]", "null", '"text"', "7", "{}"])
def test_a_preset_that_is_no_object_is_refused(preset: str) -> None:
    plain = {"32/relu1_1": gram(), "thumbnail": np.frombuffer(jpeg(), np.uint8)}
    assert refusal(save(plain, {"preset": preset})) == "not a pack of version 1"


@pytest.mark.parametrize("version", [None, 0, 2, "1", [1]])
def test_another_version_is_refused(version: Any) -> None:
    assert refusal(changed(version=version)) == "not a pack of version 1"


@pytest.mark.parametrize("name", ["model", "description"])
@pytest.mark.parametrize("value", [None, 7, ["a"], "a\0b", "x" * 2001])
def test_a_text_that_is_missing_or_none_is_refused(name: str, value: Any) -> None:
    assert f"its {name} is not a text" in refusal(changed(**{name: value}))


@pytest.mark.parametrize("name", ["model", "description"])
def test_a_text_that_is_no_unicode_is_refused(name: str) -> None:
    assert name in refusal(changed(**{name: "\ud800"}))


def test_the_longest_texts_are_taken() -> None:
    found = Pack.from_bytes(changed(model="m" * 64, description="d" * 2000))
    assert (len(found.model), len(found.description)) == (64, 2000)
    assert "at most 64" in refusal(changed(model="m" * 65))


@pytest.mark.parametrize("value", [None, [], {}, "text", 5])
def test_a_pack_that_says_nothing_of_its_images_is_refused(value: Any) -> None:
    assert refusal(changed(images=value)) == "it says nothing of its images"


@pytest.mark.parametrize("image", [
    "text", None, {}, IMAGES[0] | {"blob": "jobs/of/others"},
    {name: value for name, value in IMAGES[0].items() if name != "scale"},
])  # fmt: skip
def test_an_image_with_other_facts_is_refused(image: Any) -> None:
    assert "each of its images must have" in refusal(changed(images=[*IMAGES, image]))


@pytest.mark.parametrize("fact", [
    {"sha256": 5}, {"width": 8.5}, {"width": "80"}, {"height": None}, {"weight": "1"}, {"scale": [1]},
])  # fmt: skip
def test_a_fact_of_the_wrong_kind_is_refused(fact: dict[str, Any]) -> None:
    assert "wrong kind" in refusal(changed(images=[IMAGES[0] | fact]))


@pytest.mark.parametrize("fact", [
    {"weight": float("nan")}, {"scale": float("inf")}, {"weight": True}, {"width": False}, {"width": 10**400},
    {"sha256": "\ud800"}, {"sha256": "a\0b"},
])  # fmt: skip
def test_a_fact_that_could_not_be_told_again_is_refused(fact: dict[str, Any]) -> None:
    """The row of the preset holds it as JSON, and answers do."""
    refusal(changed(images=[IMAGES[0] | fact]))


@pytest.mark.parametrize("thumbnail", [
    None, np.zeros((4, 4), np.uint8), np.zeros(100, np.float32), np.zeros(0, np.uint8), np.zeros(100, np.uint8),
    np.frombuffer(jpeg()[:-200], np.uint8), np.frombuffer(jpeg(4, 4), np.uint8),
], ids=["none", "square", "float32", "empty", "black", "truncated", "small"])  # fmt: skip
def test_a_pack_without_a_thumbnail_is_refused(thumbnail: np.ndarray | None) -> None:
    tensors = {} if thumbnail is None else {"thumbnail": thumbnail}
    assert "thumbnail" in refusal(changed(tensors, without="thumbnail"))


def with_entry(value: float) -> np.ndarray:
    matrix = gram()
    matrix[2, 1] = matrix[1, 2] = value
    return matrix


def asymmetric() -> np.ndarray:
    matrix = gram()
    matrix[0, 1] *= 1.001
    return matrix


@pytest.mark.parametrize(("matrix", "why"), [
    (gram()[:3], "not a square float32 matrix"),
    (gram().reshape(1, 4, 4), "not a square float32 matrix"),
    (gram().reshape(16), "not a square float32 matrix"),
    (np.zeros((0, 0), np.float32), "not a square float32 matrix"),
    (gram().astype(np.float64), "not a square float32 matrix: float64"),
    (gram().astype(np.float16), "not a square float32 matrix: float16"),
    (np.eye(4, dtype=np.int32), "not a square float32 matrix"),
    (with_entry(np.nan), "isn't finite"),
    (with_entry(np.inf), "isn't finite"),
    (asymmetric(), "not symmetric"),
    (-gram(), "not positive semidefinite"),
    (with_entry(100.0), "not positive semidefinite"),
    (np.eye(65, dtype=np.float32), "has 65 channels, where VGG19 has 64"),
], ids=["half", "stacked", "flat", "empty", "float64", "float16", "whole numbers", "nan", "infinite", "asymmetric",
        "negative", "indefinite", "too many channels"])  # fmt: skip
def test_what_is_no_gram_matrix_is_refused_by_its_name(matrix: np.ndarray, why: str) -> None:
    message = refusal(changed({"64/relu1_1": np.ascontiguousarray(matrix)}))
    assert message.startswith("64/relu1_1 ")
    assert why in message


@pytest.mark.parametrize("name", [
    "relu1_1", "/relu1_1", "0/relu1_1", "-64/relu1_1", "6.5/relu1_1", "٦٤/relu1_1", "64/relu9_9", "64/conv1_1",
    "64/RELU1_1", "64/", "64/relu1_1/x", "64 /relu1_1", "x",
])  # fmt: skip
def test_a_name_that_is_no_size_and_layer_is_refused(name: str) -> None:
    assert refusal(changed({name: gram()})) == f"it holds {name!r}, which is no <size>/<layer>"


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_size_that_no_picture_could_have_is_refused(digits: int) -> None:
    tensors = {f"1{'0' * digits}/{layer}": gram() for layer in ("relu1_1", "relu3_1", "relu5_1")}
    refusal(changed(tensors))


@pytest.mark.parametrize("change", [
    lambda: changed({"64/relu2_1": gram()}),
    lambda: changed({"256/relu1_1": gram()}),
    lambda: changed(without="64/relu5_1"),
    lambda: some_pack(ladder={}).to_bytes(),
], ids=["one more", "another size", "one less", "none at all"])  # fmt: skip
def test_sizes_with_different_layers_are_refused(change: Callable[[], bytes]) -> None:
    assert refusal(change()) == "its sizes must all have the same layers, and there must be one"


# What it gives


@pytest.mark.parametrize(("asked", "nearest"), [
    (1, 32), (32, 32), (45, 32), (46, 64), (64, 64), (90, 64), (91, 128), (128, 128), (4096, 128), (45.2, 32),
])  # fmt: skip
def test_the_nearest_size_by_ratio_is_taken(asked: float, nearest: int) -> None:
    """Between 32 and 64 that turns at 45.25, their geometric mean."""
    pack = some_pack()
    found = pack.grams(asked, ["relu1_1", "relu5_1"])
    assert set(found) == {"relu1_1", "relu5_1"}
    for layer, matrix in found.items():
        assert matrix is pack.ladder[nearest][layer]


def test_no_size_that_a_transfer_has_is_far_from_the_ladder() -> None:
    pack = some_pack(ladder={size: {} for size in LADDER})
    for size in range(min(LADDER), max(LADDER)):
        nearest = min(pack.ladder, key=lambda rung: max(rung / size, size / rung))
        assert max(nearest / size, size / nearest) < 1.25


@pytest.mark.parametrize("size", [32, 48, 96])
def test_a_style_with_a_pack_has_bit_for_bit_the_grams_of_the_preset_it_was_made_of(
    grams: StyleGrams, small_texture: Picture, mirrored: Picture, size: int
) -> None:
    preset = Style((style_image(small_texture, weight=3.0), style_image(mirrored, weight=0.7, scale=1.5)))
    data = packed(grams, preset).to_bytes()
    alone = grams.targets([Style(pack=file(data))], size, FIVE, PLAIN)
    beside = grams.targets([Style(pack=file(data), weight=0.3), style(mirrored, weight=0.6)], size, FIVE, PLAIN)
    expected = grams.targets([preset], size, FIVE, PLAIN).grams
    mixed = grams.targets([Style(preset.images, weight=0.3), style(mirrored, weight=0.6)], size, FIVE, PLAIN).grams
    assert alone.cache == "hit"
    for layer in FIVE:
        np.testing.assert_array_equal(alone.grams[layer], expected[layer])
        np.testing.assert_array_equal(beside.grams[layer], mixed[layer])


def packed(grams: StyleGrams, preset: Style) -> Pack:
    return some_pack(ladder={size: grams.targets([preset], size, FIVE, PLAIN).grams for size in (32, 48, 96)})


def test_a_packs_scale_chooses_another_size(grams: StyleGrams, small_texture: Picture) -> None:
    pack = file(packed(grams, style(small_texture)).to_bytes())
    scaled = grams.targets([Style(pack=pack, scale=0.5)], 96, FIVE, PLAIN).grams
    for layer, expected in grams.targets([style(small_texture)], 48, FIVE, PLAIN).grams.items():
        np.testing.assert_array_equal(scaled[layer], expected)


def test_a_packs_file_is_read_once(grams: StyleGrams) -> None:
    def read() -> bytes:
        reads.append(1)
        return data

    data, reads = some_pack().to_bytes(), []
    for size in (32, 64, 128):
        grams.targets([Style(pack=file(data, read))], size, ["relu1_1"], PLAIN)
    assert len(reads) == 1
