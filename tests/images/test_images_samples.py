"""Pixels of any depth, and the transparency that goes with each kind, are read as they are meant."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from picture_files import encoded, png_of_samples, ycck_jpeg
from PIL import GifImagePlugin, Image

from service.decoding.reading import decode, decode_cutout

LEVELS = np.linspace(0, 65535, 16 * 64).round().astype(np.uint16).reshape(16, 64)
HALF = np.where(np.arange(64) < 32, 0, 65535).astype(np.uint16)  # clear on the left


def deep(*channels: np.ndarray) -> np.ndarray:
    return np.dstack([np.broadcast_to(channel, LEVELS.shape) for channel in channels])


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_scaled_to_8(channels: int) -> None:
    cutout = decode_cutout(png_of_samples(deep(*[LEVELS] * channels), 16))
    assert cutout.alpha is None
    for channel in range(3):
        np.testing.assert_allclose(cutout.colours[..., channel], LEVELS / 257, atol=1)  # Pillow drops RGB's low bits
    assert (cutout.colours.min(), cutout.colours.max()) == (0, 255)


@pytest.mark.parametrize("channels", [2, 4])
def test_16_bits_of_alpha_are_scaled_too(channels: int) -> None:
    cutout = decode_cutout(png_of_samples(deep(*[LEVELS] * (channels - 1), LEVELS[::-1]), 16))
    assert cutout.alpha is not None
    np.testing.assert_allclose(cutout.alpha, LEVELS[::-1] / 257, atol=1)
    for channel in range(3):
        np.testing.assert_allclose(cutout.colours[..., channel], LEVELS / 257, atol=1)


def test_a_picture_from_8_bits_comes_through_16_unchanged(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(png_of_samples(picture.astype(np.uint16) * 257, 16)), picture)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_colour_of_16_bits_is_clear(channels: int) -> None:
    samples = deep(*[HALF // 5 + 10_000] * channels)
    clear = (b"tRNS", struct.pack(">H", 10_000) * channels)
    cutout = decode_cutout(png_of_samples(samples, 16, clear))
    assert cutout.alpha is not None
    np.testing.assert_array_equal(cutout.alpha, np.broadcast_to(np.where(HALF == 0, 0, 255), LEVELS.shape))
    read = decode(png_of_samples(samples, 16, clear))
    assert (read[:, :32] == 255).all()
    assert np.abs(read[:, 32:].astype(int) - 23107 // 257).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits_is_clear(depth: int) -> None:
    top = 2**depth - 1
    samples = np.broadcast_to(np.where(HALF == 0, 1, top if depth > 1 else 0), (16, 64))[..., None]
    cutout = decode_cutout(png_of_samples(samples, depth, (b"tRNS", struct.pack(">H", 1))))
    assert cutout.alpha is not None
    assert not cutout.alpha[:, :32].any()
    assert (cutout.alpha[:, 32:] == 255).all()
    assert (cutout.colours[:, 32:] == (255 if depth > 1 else 0)).all()


def test_a_palette_can_have_an_alpha_for_each_colour(picture: np.ndarray) -> None:
    paletted = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    alphas = np.array([0, 30, 60, 90, 120, 150, 180, 255], np.uint8)
    cutout = decode_cutout(encoded(paletted, "PNG", transparency=alphas.tobytes()))
    assert cutout.alpha is not None
    np.testing.assert_array_equal(cutout.alpha, alphas[np.asarray(paletted)])
    np.testing.assert_array_equal(cutout.colours, np.asarray(paletted.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_alpha_that_is_opaque_everywhere_is_none(picture: np.ndarray, mode: str) -> None:
    image = Image.fromarray(picture).convert(mode)
    settings = {"transparency": bytes([255] * 256)} if mode == "P" else {}
    data = encoded(image, "PNG", **settings)
    assert decode_cutout(data).alpha is None
    np.testing.assert_array_equal(decode(data), np.asarray(image.convert("RGB")))


def test_adobes_inverted_inks_are_turned_round(picture: np.ndarray) -> None:
    """Both ways in which Adobe writes CMYK into a JPEG: as it is, and as YCCK."""
    inks = np.asarray(Image.fromarray(picture).convert("CMYK"))
    np.testing.assert_allclose(decode(ycck_jpeg(inks)).astype(int), picture, atol=8)


def test_the_first_picture_of_a_gif_is_read(picture: np.ndarray) -> None:
    first = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE)
    data = encoded(first, "GIF", save_all=True, append_images=[Image.new("P", first.size)], loop=0)
    gif = Image.open(io.BytesIO(data))
    assert isinstance(gif, GifImagePlugin.GifImageFile)
    assert gif.n_frames == 2
    np.testing.assert_array_equal(decode(data), np.asarray(first.convert("RGB")))
