"""Transparency is laid over white, and colour profiles are brought to sRGB."""

from __future__ import annotations

import numpy as np
import picture_profiles
import pytest
from images.picture_checks import far
from picture_files import encoded
from PIL import Image, ImageCms

from service.decoding.reading import decode

# Transparency


def test_alpha_is_laid_over_white(picture: np.ndarray) -> None:
    alpha = np.linspace(0, 255, picture.shape[1]).round().astype(np.uint8)
    rgba = np.dstack([picture, np.broadcast_to(alpha, picture.shape[:2])])
    share = rgba[..., 3:] / 255
    expected = share * picture + (1 - share) * 255
    for format, settings in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        np.testing.assert_allclose(decode(encoded(rgba, format, **settings)), expected, atol=1)


def test_a_transparent_colour_of_a_palette_is_white(picture: np.ndarray) -> None:
    for format in ("PNG", "GIF"):
        paletted = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
        index = int(np.asarray(paletted)[0, 0])
        read = decode(encoded(paletted, format, transparency=index))
        clear = np.asarray(paletted) == index
        assert (read[clear] == 255).all()
        np.testing.assert_array_equal(read[~clear], np.asarray(paletted.convert("RGB"))[~clear])


def test_a_transparent_colour_of_a_png_without_alpha_is_white(picture: np.ndarray) -> None:
    marked = picture.copy()
    marked[:5] = (1, 2, 3)
    read = decode(encoded(marked, "PNG", transparency=(1, 2, 3)))
    assert (read[:5] == 255).all()
    np.testing.assert_array_equal(read[5:], picture[5:])


# Colour profiles


def test_a_profile_that_swaps_red_and_blue_swaps_them(picture: np.ndarray) -> None:
    read = decode(encoded(picture, "PNG", icc_profile=picture_profiles.swapped_profile()))
    np.testing.assert_allclose(read.astype(int), picture[..., ::-1], atol=2)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_colours_of_a_wide_profile_become_more_vivid_in_srgb(picture: np.ndarray, format: str) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    read = decode(encoded(flat, format, quality=100, icc_profile=picture_profiles.wide_profile()))
    np.testing.assert_allclose(read[4:12, 4:12].mean(axis=(0, 1)), adobe_to_srgb(flat[0, 0]), atol=2.5)
    assert far(decode(encoded(flat, format, quality=100)), flat) < 2


def adobe_to_srgb(colour: np.ndarray) -> np.ndarray:
    """By the two standards' own matrices and curves."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    to_srgb = np.array([[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]])
    linear = np.clip(to_srgb @ to_xyz @ (colour / 255) ** 2.2, 0, 1)
    srgb: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * srgb


def test_a_profile_also_speaks_of_a_palettes_colours(picture: np.ndarray) -> None:
    paletted = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    expected = np.asarray(paletted.convert("RGB"))[..., ::-1].astype(int)
    read = decode(encoded(paletted, "PNG", icc_profile=picture_profiles.swapped_profile()))
    np.testing.assert_allclose(read, expected, atol=2)


def test_a_profile_also_speaks_of_a_transparent_pictures_colours(picture: np.ndarray) -> None:
    rgba = Image.fromarray(picture).convert("RGBA")
    read = decode(encoded(rgba, "PNG", icc_profile=picture_profiles.swapped_profile()))
    np.testing.assert_allclose(read.astype(int), picture[..., ::-1], atol=2)


def test_the_srgb_profile_changes_nothing(picture: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_allclose(decode(encoded(picture, "PNG", icc_profile=profile)).astype(int), picture, atol=1)


def broken_profiles() -> dict[str, bytes]:
    whole = picture_profiles.swapped_profile()
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {"noise": b"no profile" * 30, "truncated": whole[:200], "of another kind": grey, "one byte": b"x"}


@pytest.mark.parametrize("profile", broken_profiles().values(), ids=broken_profiles())
def test_a_broken_profile_is_ignored(picture: np.ndarray, profile: bytes) -> None:
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", icc_profile=profile)), picture)
    assert far(decode(encoded(picture, "JPEG", quality=95, icc_profile=profile)), picture) < 8


def test_a_colour_profile_on_a_grey_picture_is_ignored(picture: np.ndarray) -> None:
    grey = Image.fromarray(picture).convert("L")
    read = decode(encoded(grey, "PNG", icc_profile=picture_profiles.swapped_profile()))
    np.testing.assert_array_equal(read, np.asarray(grey.convert("RGB")))
