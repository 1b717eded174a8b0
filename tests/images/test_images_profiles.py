"""A colour profile speaks of the colours as the file has them, whatever kind they are."""

from __future__ import annotations

import struct

import numpy as np
import picture_profiles
import pytest
from picture_files import encoded, png_chunk, png_of_samples
from PIL import Image

from service.decoding.reading import decode, decode_cutout

LEVEL = 100
DARKER = 255 * ((LEVEL / 255) ** 3) ** (1 / 2.2)  # nearly what a grey of gamma 3 is in sRGB


def darkened(data: bytes) -> np.ndarray:
    """The colours, all of which must be about the darker grey."""
    cutout = decode_cutout(data)
    assert np.abs(cutout.colours.astype(float) - DARKER).max() < 4
    return cutout.colours


def test_a_grey_profile_is_applied_to_grey_of_every_kind() -> None:
    profile = picture_profiles.grey_profile(3.0)
    flat = np.full((16, 16), LEVEL, np.uint8)
    veil = np.linspace(0, 255, 256).astype(np.uint8).reshape(16, 16)
    plain = darkened(encoded(Image.fromarray(flat), "PNG", icc_profile=profile))
    deep = png_of_samples(flat[..., None].astype(np.uint16) * 257, 16, picture_profiles.png_chunk_of(profile))
    veiled = encoded(Image.merge("LA", [Image.fromarray(flat), Image.fromarray(veil)]), "PNG", icc_profile=profile)
    keyed = encoded(Image.fromarray(flat), "PNG", icc_profile=profile, transparency=7)
    for data in (deep, veiled, keyed):
        np.testing.assert_array_equal(darkened(data), plain)
    darkened(encoded(Image.fromarray(flat), "JPEG", quality=98, icc_profile=profile))


def test_a_profile_speaks_of_colours_not_of_what_lies_over_white(picture: np.ndarray) -> None:
    profile = picture_profiles.wide_profile()
    alpha = np.linspace(0, 255, picture.shape[1]).round().astype(np.uint8)
    rgba = np.dstack([picture, np.broadcast_to(alpha, picture.shape[:2])])
    opaque = decode(encoded(picture, "PNG", icc_profile=profile))
    cutout = decode_cutout(encoded(rgba, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(cutout.colours, opaque)
    share = rgba[..., 3:] / 255
    laid = decode(encoded(rgba, "PNG", icc_profile=profile))
    np.testing.assert_allclose(laid, share * opaque + (1 - share) * 255, atol=1)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_profile_of_a_16_bit_picture_is_applied(picture: np.ndarray, channels: int) -> None:
    profile = picture_profiles.swapped_profile()
    opaque = np.full((*picture.shape[:2], channels - 3), 255, np.uint8)
    samples = np.dstack([picture, opaque]).astype(np.uint16) * 257
    read = decode(png_of_samples(samples, 16, picture_profiles.png_chunk_of(profile)))
    np.testing.assert_allclose(read.astype(int), picture[..., ::-1], atol=2)


def test_display_p3s_red_is_beyond_srgbs() -> None:
    flat = np.full((16, 16, 3), (234, 51, 35), np.uint8)  # Display P3's name for sRGB's purest red
    read = decode(encoded(flat, "PNG", icc_profile=picture_profiles.display_p3_profile()))
    np.testing.assert_allclose(read[0, 0], (255, 0, 0), atol=12)


def test_a_profile_of_inks_is_applied_to_cmyk() -> None:
    """Without a profile, inks have the colours of a simple formula; with this one they have no hue."""
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[..., 0] = 255
    cyan = Image.fromarray(inks, "CMYK")
    plain = decode(encoded(cyan, "JPEG", quality=98))
    assert np.abs(plain[8, 8].astype(int) - (0, 255, 255)).max() < 4
    read = decode(encoded(cyan, "JPEG", quality=98, icc_profile=picture_profiles.ink_profile()))
    assert np.ptp(read[8, 8].astype(int)) <= 3
    np.testing.assert_allclose(read[8, 8], 198, atol=6)  # L* 80


def test_a_profile_of_the_wrong_kind_says_nothing(picture: np.ndarray) -> None:
    for profile in (picture_profiles.grey_profile(3.0), picture_profiles.ink_profile()):
        np.testing.assert_array_equal(decode(encoded(picture, "PNG", icc_profile=profile)), picture)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_profile_of_several_mib_is_read(picture: np.ndarray, format: str) -> None:
    small = picture_profiles.swapped_profile()
    size = len(small) + 3_000_000
    large = struct.pack(">I", size) + small[4:] + bytes(3_000_000)
    read = decode(encoded(picture, format, quality=98, icc_profile=large))
    assert np.abs(read.astype(int) - picture[..., ::-1]).mean() < 8


def test_what_a_png_says_of_gamma_and_primaries_is_not_looked_at(picture: np.ndarray) -> None:
    data = encoded(picture, "PNG")
    end_of_header = 8 + 25
    said = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    said += png_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 15000, 6000, 30000, 60000, 64000, 33000))
    np.testing.assert_array_equal(decode(data[:end_of_header] + said + data[end_of_header:]), picture)
