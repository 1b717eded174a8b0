"""`Stylist.paint`: a transfer from Python, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_door import png
from PIL import Image
from torch import cuda

from service.config import Settings
from service.errors import InvalidInput
from service.machine.memory import BASE
from service.painting import stylist as stylists
from service.painting.stylist import Stylist

SMALL: dict[str, Any] = {"size": 48, "iterations": 2}


@pytest.fixture(scope="module")
def stylist(narrow_model: Path) -> Stylist:
    return Stylist.from_settings(Settings(model=narrow_model, threads=1))


@pytest.mark.slow
def test_paths_and_arrays_give_the_same_picture(
    stylist: Stylist, photo: np.ndarray, texture: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(png(photo))
    seen: list[int] = []
    of_arrays = stylist.paint(photo, texture, 255 - texture, **SMALL)
    of_both = stylist.paint(
        str(tmp_path / "photo.png"), texture, 255 - texture, on_progress=lambda p: seen.append(p.iteration), **SMALL
    )
    np.testing.assert_array_equal(of_arrays.result.picture, of_both.result.picture)
    assert of_both.result.picture.shape == (32, 48, 3)
    assert seen == [1, 2]
    one = stylist.paint(photo, texture, **SMALL)
    assert (one.result.picture != of_both.result.picture).any(), "the second style counts"


def test_an_initial_image_is_where_it_begins(stylist: Stylist, photo: np.ndarray, texture: np.ndarray) -> None:
    grey = np.full((64, 64, 3), 90, np.uint8)
    outcome = stylist.paint(photo, texture, initial_image=grey, size=48, iterations=0)
    assert (outcome.result.picture == 90).all()


def test_the_path_says_the_format(stylist: Stylist, photo: np.ndarray, texture: np.ndarray, tmp_path: Path) -> None:
    outcome = stylist.paint(photo, texture, **SMALL)
    for name, format in (("a.png", "PNG"), ("b.JPG", "JPEG"), ("c.jpeg", "JPEG"), ("d.webp", "WEBP")):
        outcome.save(tmp_path / name)
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == (format, (48, 32))
    for path in (tmp_path / "e.gif", tmp_path / "nowhere" / "f.png"):
        with pytest.raises(InvalidInput, match="output"):
            outcome.save(path)
        assert not path.exists()


def test_transparency_is_kept_if_asked(
    stylist: Stylist, photo: np.ndarray, texture: np.ndarray, tmp_path: Path
) -> None:
    alpha = np.where(np.arange(photo.shape[1]) < 200, np.uint8(255), np.uint8(0))
    cut = np.dstack([photo, np.broadcast_to(alpha, photo.shape[:2])])
    (tmp_path / "cut.png").write_bytes(png(cut))
    outcome = stylist.paint(tmp_path / "cut.png", texture, alpha="keep", **SMALL)
    outcome.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (0, 255)
    with pytest.raises(InvalidInput, match="a JPEG has no transparency"):
        outcome.save(tmp_path / "out.jpg")


def test_what_can_not_be_used_is_named(stylist: Stylist, photo: np.ndarray, texture: np.ndarray) -> None:
    narrow = np.zeros((20, 400, 3), np.uint8)
    wrong: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("content: none.png: No such file", ("none.png", texture), {}),
        ("content: must be H x W x 3 uint8", (photo / 255, texture), {}),
        ("style: must be H x W x 3 uint8", (photo, texture[..., 0]), {}),
        ("style: give at least one", (photo,), {}),
        ("initial_image: no.png", (photo, texture), {"initial_image": "no.png"}),
        ("init: is .image., but there is no initial image", (photo, texture), {"init": "image"}),
        ("content: too narrow", (narrow, texture), {"size": 100}),
        ("scale: too small", (photo, narrow), {"size": 100}),
        ("iterations: must be between", (photo, texture), {"iterations": -1}),
    ]
    for message, pictures, options in wrong:
        with pytest.raises(InvalidInput, match=message):
            stylist.paint(*pictures, **options)


@pytest.mark.parametrize(("gigabytes", "side"), [(8, 1737), (24, 3152), (80, 5844)])
def test_a_gpu_computes_in_one_piece_what_four_fifths_of_its_memory_hold(
    gigabytes: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "mem_get_info", lambda: (0, gigabytes * 10**9))
    assert int(stylists._whole_pixels("cuda", BASE, "bfloat16") ** 0.5) == side
    assert stylists._whole_pixels("cpu", BASE, "bfloat16") == 0, "the processor's memory is another"
