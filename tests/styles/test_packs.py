"""Packs: what comes back of them, and that a style made of one is the preset's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from styles.pack_files import changed, gram, jpeg, some_pack
from styles.style_images import FIVE, PLAIN, file, style, style_image, targets_of

from service.network.layers import CHANNELS
from service.pictures.images import Picture
from service.pictures.sizes import LADDER
from service.styles.extractor import GramExtractor
from service.styles.grams import StyleGrams
from service.styles.packs import Pack
from service.styles.style import Style


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
    """Its rank is 1: all other eigenvalues are rounding."""
    features = np.random.default_rng(0).random(channels, dtype=np.float32) * 1e6
    tensors = {"32/relu1_1": np.outer(features, features)}
    np.testing.assert_array_equal(Pack.from_bytes(changed(tensors)).ladder[32]["relu1_1"], tensors["32/relu1_1"])


def test_as_many_channels_as_vgg19_has_are_taken() -> None:
    ladder = {
        64: {f"relu{block}_1": np.eye(channels, dtype=np.float32) for block, channels in enumerate(CHANNELS, 1)}
    }
    assert Pack.from_bytes(some_pack(ladder=ladder).to_bytes()).layers == list(FIVE)


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
    alone = targets_of(grams, [Style(pack=file(data))], size, FIVE, PLAIN)
    beside = targets_of(grams, [Style(pack=file(data), weight=0.3), style(mirrored, weight=0.6)], size, FIVE, PLAIN)
    expected = targets_of(grams, [preset], size, FIVE, PLAIN).grams
    mixed = targets_of(
        grams, [Style(preset.images, weight=0.3), style(mirrored, weight=0.6)], size, FIVE, PLAIN
    ).grams
    assert alone.cache == "hit"
    for layer in FIVE:
        np.testing.assert_array_equal(alone.grams[layer], expected[layer])
        np.testing.assert_array_equal(beside.grams[layer], mixed[layer])


def packed(grams: StyleGrams, preset: Style) -> Pack:
    return some_pack(ladder={size: targets_of(grams, [preset], size, FIVE, PLAIN).grams for size in (32, 48, 96)})


def test_a_packs_scale_chooses_another_size(grams: StyleGrams, small_texture: Picture) -> None:
    pack = file(packed(grams, style(small_texture)).to_bytes())
    scaled = targets_of(grams, [Style(pack=pack, scale=0.5)], 96, FIVE, PLAIN).grams
    for layer, expected in targets_of(grams, [style(small_texture)], 48, FIVE, PLAIN).grams.items():
        np.testing.assert_array_equal(scaled[layer], expected)


def test_packs_in_memory_are_counted_and_bounded_by_their_bytes(
    grams: StyleGrams, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use(pack: Pack) -> int:
        def read() -> bytes:
            reads.append(1)
            return data

        data, reads = pack.to_bytes(), list[int]()
        targets_of(grams, [Style(pack=file(data, read))], 32, ["relu1_1"], PLAIN)
        return len(reads)

    small, other = some_pack(), some_pack(description="other")
    large = some_pack(ladder={32: {"relu1_1": gram(64)}})
    monkeypatch.setattr("service.styles.grams.PACKS", 2 * small.nbytes)
    assert small.nbytes == 3 * 4 * (4**2 + 6**2 + 8**2) < large.nbytes // 2
    assert [use(pack) for pack in (small, other, small, other)] == [1, 1, 0, 0]
    assert grams.memory == 2 * small.nbytes
    assert [use(large), use(large)] == [1, 0]
    assert grams.memory == large.nbytes
    assert [use(small), use(large)] == [1, 1]


def test_a_packs_file_is_read_once(grams: StyleGrams) -> None:
    def read() -> bytes:
        reads.append(1)
        return data

    data = some_pack().to_bytes()
    reads: list[int] = []
    for size in (32, 64, 128):
        targets_of(grams, [Style(pack=file(data, read))], size, ["relu1_1"], PLAIN)
    assert len(reads) == 1
