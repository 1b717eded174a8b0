"""Every format and kind of pixel is read as it looks to people."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import picture_files
import pytest
from images.picture_checks import far
from picture_files import encoded
from PIL import Image

from service.decoding.files import check_image
from service.decoding.reading import decode
from service.pictures.images import UnreadableImage


@pytest.mark.parametrize(("format", "settings"), [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_a_lossless_file_is_read_pixel_for_pixel(picture: np.ndarray, format: str, settings: dict[str, Any]) -> None:
    read = decode(encoded(picture, format, **settings))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, picture)


@pytest.mark.parametrize(
    ("format", "settings"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {}), ("MPO", {})]
)
def test_a_lossy_file_is_read_nearly_as_it_was(picture: np.ndarray, format: str, settings: dict[str, Any]) -> None:
    read = decode(encoded(picture, format, **settings))
    assert read.shape == picture.shape
    assert far(read, picture) < 8


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "RGBA"])
@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_every_kind_of_pixel_becomes_three_channels(picture: np.ndarray, mode: str, format: str) -> None:
    image = Image.fromarray(picture).convert(mode)
    expected = np.asarray(image.convert("RGB"))
    read = decode(encoded(image, format))
    assert read.shape == picture.shape
    assert far(read, expected) < (8 if format == "GIF" else 1)


def test_16_bit_grey_is_scaled_and_not_cut() -> None:
    levels = np.linspace(0, 65535, 64 * 16).round().astype(np.uint16).reshape(16, 64)
    read = decode(encoded(Image.fromarray(levels), "PNG"))
    for channel in range(3):
        np.testing.assert_allclose(read[..., channel], levels / 257, atol=0.5)
    assert (read.min(), read.max()) == (0, 255)


def test_a_cmyk_jpeg_has_the_colours_it_is_shown_with(picture: np.ndarray) -> None:
    read = decode(encoded(Image.fromarray(picture).convert("CMYK"), "JPEG", quality=98, subsampling=0))
    assert far(read, picture) < 3


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("bits", ["4 4 4", "5 5 5 1", "4 4 4 4", "5 6 5", "8 8 0", "10 10 10", "8 8 8 8"])
def test_a_bmp_may_have_its_channels_in_any_bits(picture: np.ndarray, bits: str, header: int) -> None:
    *widths, alpha = [int(width) for width in [*bits.split(), "0"][:4]]
    kind = np.uint16 if sum(widths) + alpha <= 16 else np.uint32
    pixels, masks, shift = np.zeros(picture.shape[:2], kind), [], 0
    expected = picture.astype(float)
    for channel, width in enumerate(widths):
        levels = np.round(picture[..., channel] / 255 * (2**width - 1)).astype(kind)
        pixels |= levels << shift
        expected[..., channel] = levels / max(1, 2**width - 1) * 255
        masks.append((2**width - 1) << shift)
        shift += width
    if has_alpha := alpha > 0 and header >= 56:
        pixels |= np.array((2**alpha - 1) << shift, kind)
        masks.append((2**alpha - 1) << shift)
    assert has_alpha or len(masks) == 3
    read = decode(picture_files.bmp_with_masks(pixels[::-1], tuple(masks), header))
    np.testing.assert_allclose(read, expected, atol=0.51)


def test_a_bmp_with_masks_may_be_transparent(picture: np.ndarray) -> None:
    pixels = np.full(picture.shape[:2], 0x0F00, np.uint16)
    pixels[:, ::2] |= 0xF000
    read = decode(picture_files.bmp_with_masks(pixels, (0x0F00, 0xF0, 0xF, 0xF000), 56))
    assert (read[0, :2] == [[255, 0, 0], [255, 255, 255]]).all()


@pytest.mark.parametrize("header", [56, 108, 124])
def test_a_bmp_that_is_transparent_everywhere_is_opaque(picture: np.ndarray, header: int) -> None:
    """Programs write zeros where they mean no alpha."""
    pixels = (picture[::-1].astype(np.uint32) << np.array((16, 8, 0), np.uint32)).sum(2, dtype=np.uint32)
    read = decode(picture_files.bmp_with_masks(pixels, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), header))
    np.testing.assert_array_equal(read, picture)


def test_half_a_bmp_with_masks_is_refused(picture: np.ndarray) -> None:
    data = picture_files.bmp_with_masks(np.zeros(picture.shape[:2], np.uint16), (0xF00, 0xF0, 0xF), 40)
    with pytest.raises(UnreadableImage, match="cut off"):
        decode(data[: len(data) // 2])


def test_the_first_picture_of_an_animation_is_read(picture: np.ndarray) -> None:
    others = [Image.fromarray(np.full_like(picture, level)) for level in (0, 255)]
    for format, settings in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(picture, format, save_all=True, append_images=others, **settings)
        assert far(decode(data), picture) < 1


def test_a_checked_image_holds_the_files_bytes_size_and_digest(picture: np.ndarray) -> None:
    data = encoded(picture, "PNG")
    checked = check_image(data)
    assert (checked.data, checked.width, checked.height) == (data, 40, 24)
    assert checked.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.slow
def test_classic_photos_and_paintings_are_read(classics: Path) -> None:
    for path in sorted(classics.iterdir()):
        read = decode(path.read_bytes())
        assert read.std() > 20, path
