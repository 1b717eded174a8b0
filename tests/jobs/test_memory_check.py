"""Whether a transfer fits: what is refused, what is named, and which size is said to fit."""

from __future__ import annotations

import re

import pytest

from service.errors import DoesNotFit
from service.jobs.memory_check import check_memory
from service.jobs.request import Painting, StoredStyle, TransferRequest
from service.machine import memory
from service.machine.memory import MIB, Capacity, needed
from service.options import TransferOptions
from service.pictures.style_image import StyleImage
from service.storage.stored_files import StoredFile, StoredImage

FLOAT32, BFLOAT16 = "float32", "bfloat16"


@pytest.fixture(autouse=True)
def round_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round costs, for which the amounts of memory in these tests are chosen; only those of `tiles` go by tiles."""
    monkeypatch.setattr(memory, "BASE", 700 * MIB)
    monkeypatch.setattr(memory, "PER_PIXEL", {BFLOAT16: 1600, FLOAT32: 3000})
    monkeypatch.setattr(memory, "STYLE_PER_PIXEL", 900)
    monkeypatch.setattr(memory, "TILED", 10**9)
    monkeypatch.setattr(memory, "STYLE_WHOLE", 10**9)


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile of an output takes 1200 MiB, that of a style image 500 MiB, and a megapixel beside them little."""
    monkeypatch.setattr(memory, "PER_PIXEL", {BFLOAT16: 600, FLOAT32: 1200})
    monkeypatch.setattr(memory, "TILED", MIB)
    monkeypatch.setattr(memory, "KEPT_PER_PIXEL", 100)
    monkeypatch.setattr(memory, "STYLE_PER_PIXEL", 500)
    monkeypatch.setattr(memory, "STYLE_WHOLE", MIB)
    monkeypatch.setattr(memory, "STYLE_KEPT_PER_PIXEL", 100)


def style(*images: tuple[int, int, float], weights: tuple[float, ...] = (), scale: float = 1.0) -> StoredStyle:
    """An entry with images of these widths, heights and scales."""
    weights = weights or (1.0,) * len(images)
    stored = (
        StyleImage(StoredImage("b", "s", width, height), weight, own)
        for (width, height, own), weight in zip(images, weights, strict=True)
    )
    return StoredStyle(None, 1.0, scale, tuple(stored))


def request(size: int, *styles: StoredStyle, content: tuple[int, int] = (3000, 2000)) -> TransferRequest:
    return TransferRequest(StoredImage("b", "s", *content), painting(size, *styles))


def painting(size: int, *styles: StoredStyle) -> Painting:
    return Painting(styles or (style((640, 480, 0.5)),), TransferOptions(size=size))


def refused(asked: TransferRequest, *rooms: Capacity) -> DoesNotFit:
    with pytest.raises(DoesNotFit) as caught:
        check_memory(asked, set(rooms))
    return caught.value


def locs(error: DoesNotFit) -> list[str]:
    return [e.loc for e in error.errors]


def advised(error: DoesNotFit) -> int:
    (size,) = {int(size) for size in re.findall(r"a size of (\d+) would fit", error.detail)}
    return size


def test_what_fits_exactly_is_taken_and_a_byte_less_is_too_little() -> None:
    exact = needed(1536, 1024, [], FLOAT32)
    check_memory(request(1536), {Capacity(exact, FLOAT32)})
    error = refused(request(1536), Capacity(exact - 1, FLOAT32))
    assert locs(error) == ["size"]
    assert error.problem()["status"] == 422
    assert f"takes {-(-exact // MIB)} MiB" in error.detail


def test_the_size_that_is_advised_fits_and_the_next_does_not() -> None:
    room = Capacity(3000 * MIB, FLOAT32)
    art = style((500, 400, 0.5), scale=3.0)
    size = advised(refused(request(2000, art, content=(777, 1111)), room))
    check_memory(request(size, art, content=(777, 1111)), {room})
    refused(request(size + 1, art, content=(777, 1111)), room)


def test_every_worker_must_have_room_for_any_may_claim_it() -> None:
    small, large, gpu = Capacity(2000 * MIB, FLOAT32), Capacity(6000 * MIB, FLOAT32), Capacity(None, BFLOAT16)
    asked = request(1600)
    check_memory(asked, {large, gpu})
    for rooms in ({small}, {small, large}, {small, gpu}):
        assert locs(refused(asked, *rooms)) == ["size"]
    check_memory(asked, {Capacity(3500 * MIB, BFLOAT16)})
    refused(asked, Capacity(3500 * MIB, FLOAT32))


def test_the_tightest_worker_is_spoken_of() -> None:
    rooms = Capacity(1500 * MIB, FLOAT32), Capacity(1400 * MIB, BFLOAT16), Capacity(900 * MIB, FLOAT32)
    assert "a worker has 900;" in refused(request(2048), *rooms).detail


def test_where_no_worker_is_known_nothing_is_refused() -> None:
    check_memory(request(2048, content=(2000, 2000)), set())


def test_a_style_image_that_is_too_large_is_named_with_its_entry() -> None:
    fine, large = style((640, 480, 1.0)), style((100, 100, 0.1), (800, 800, 2.0), scale=2.0)
    room = Capacity(1500 * MIB, FLOAT32)
    error = refused(request(400, fine, large), room)
    assert locs(error) == ["styles.1.scale"]
    check_memory(request(advised(error), fine, large), {room})
    assert locs(refused(request(1000, fine, large), room)) == ["size", "styles.1.scale"]


def test_a_style_image_without_a_share_is_not_counted() -> None:
    check_memory(
        request(400, style((10, 10, 1.0), (800, 800, 4.0), weights=(1.0, 0.0))), {Capacity(1500 * MIB, FLOAT32)}
    )


def test_a_worker_too_small_for_anything_is_said_to_be() -> None:
    assert "a worker has 100; no size would fit" in refused(request(64), Capacity(100 * MIB, FLOAT32)).detail


@pytest.mark.parametrize("asked", [
    request(2048, content=(2000, 16)),
    request(2048, style((100, 100, 0.01)), content=(2000, 2000)),
])  # fmt: skip
def test_no_size_is_advised_at_which_a_picture_would_be_too_small(asked: TransferRequest) -> None:
    room = Capacity(needed(1500, round(1500 * asked.content.height / asked.content.width), [], FLOAT32), FLOAT32)
    assert "no size would fit" in refused(asked, room).detail


# Tiles


@pytest.mark.usefixtures("tiles")
def test_where_a_tile_fits_a_large_output_takes_little_more() -> None:
    """4096 x 2731 pixels: 1200 MiB of a tile, and 100 bytes for each pixel."""
    exact = (700 + 1200) * MIB + 100 * 4096 * 2731
    check_memory(request(4096), {Capacity(exact, FLOAT32)})
    assert locs(refused(request(4096), Capacity(exact - 1, FLOAT32))) == ["size"]


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize(
    "room", [Capacity(2300 * MIB, FLOAT32), Capacity(1800 * MIB, FLOAT32)], ids=["by tiles", "whole"]
)
def test_the_size_that_is_advised_is_the_largest_with_and_without_tiles(room: Capacity) -> None:
    size = advised(refused(request(4096), room))
    check_memory(request(size), {room})
    assert locs(refused(request(size + 1), room)) == ["size"]
    assert (size > 1300) == (room.limit > 1900 * MIB)


@pytest.mark.usefixtures("tiles")
def test_a_large_style_image_goes_by_tiles_too() -> None:
    """4096 x 3072 pixels: 500 MiB for the first 2^20, and 100 bytes for each of the others."""
    asked = request(512, style((4000, 3000, 8.0)))
    exact = (700 + 500 + 1100) * MIB
    check_memory(asked, {Capacity(exact, FLOAT32)})
    assert locs(refused(asked, Capacity(exact - 1, FLOAT32))) == ["styles.0.scale"]


# Several pictures


def test_what_is_too_large_is_named_in_its_variant() -> None:
    """The styles that the transfer itself names are not painted, where there are variants."""
    large, fine = style((800, 800, 4.0)), style((640, 480, 1.0))
    base, variants = painting(400, large), (painting(400, fine), painting(400, fine, large))
    room = Capacity(1500 * MIB, FLOAT32)
    error = refused(TransferRequest(StoredImage("b", "s", 300, 200), base, variants), room)
    assert locs(error) == ["variants.1.styles.1.scale"]
    check_memory(TransferRequest(StoredImage("b", "s", 300, 200), base, variants[:1]), {room})


def test_variants_are_painted_one_after_another_and_take_what_one_takes() -> None:
    exact = needed(1536, 1024, [], FLOAT32)
    several = TransferRequest(StoredImage("b", "s", 3000, 2000), painting(1536), (painting(1536),) * 16)
    check_memory(several, {Capacity(exact, FLOAT32)})
    assert locs(refused(several, Capacity(exact - 1, FLOAT32))) == ["size"]


def test_a_style_that_came_as_a_pack_takes_nothing() -> None:
    """The sizes of images in a pack's metadata count for nothing."""
    images = (StyleImage(StoredImage("", "s", 4000, 4000), 1.0, 4.0),)
    packed = StoredStyle("x", 1.0, 4.0, images, pack=StoredFile("b", "s"))
    check_memory(request(512, packed), {Capacity(needed(512, 341, [], FLOAT32), FLOAT32)})
