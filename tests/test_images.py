"""Pictures come in as they look to people, and nothing that isn't one gets in."""

from __future__ import annotations

import hashlib
import io
import itertools
import random
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import picture_files
import pytest
from picture_files import encoded
from PIL import Image, ImageCms, ImageFile

from service import images
from service.images import UnreadableImage, check_image, cover, decode, fitted_size, resize, resize_long_edge


@pytest.fixture(scope="module")
def picture(photo: np.ndarray) -> np.ndarray:
    """24 x 40 x 3 uint8 with four different corners."""
    return np.asarray(Image.fromarray(photo).crop((20, 20, 420, 260)).reduce(10))


def far(picture: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two pictures in levels."""
    return float(np.abs(picture.astype(int) - other).mean())


# Formats


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


def test_the_first_picture_of_an_animation_is_read(picture: np.ndarray) -> None:
    others = [Image.fromarray(np.full_like(picture, level)) for level in (0, 255)]
    for format, settings in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = encoded(picture, format, save_all=True, append_images=others, **settings)
        assert far(decode(data), picture) < 1


# Orientation

UPRIGHT = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
           5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, 3),
           7: lambda p: np.rot90(p, 2).transpose(1, 0, 2), 8: np.rot90}  # fmt: skip
"""EXIF orientation -> what brings the stored picture upright, as the standard defines them."""


def exif_file(picture: np.ndarray, orientation: int, format: str = "PNG", **tags: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for tag, value in tags.items():
        exif[int(tag.removeprefix("tag_"), 16)] = value
    return encoded(picture, format, exif=exif)


@pytest.mark.parametrize(("orientation", "upright"), UPRIGHT.items())
def test_exif_orientation_is_applied(
    picture: np.ndarray, orientation: int, upright: Callable[[np.ndarray], np.ndarray]
) -> None:
    data = exif_file(picture, orientation)
    np.testing.assert_array_equal(decode(data), upright(picture))
    height, width = upright(picture).shape[:2]
    assert (check_image(data).width, check_image(data).height) == (width, height)


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_exif_orientation_of_other_formats_is_applied(picture: np.ndarray, format: str) -> None:
    assert far(decode(exif_file(picture, 6, format)), np.rot90(picture, 3)) < 8


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(picture: np.ndarray, orientation: int) -> None:
    np.testing.assert_array_equal(decode(exif_file(picture, orientation)), picture)


def test_exif_that_cannot_be_written_again_is_no_obstacle(picture: np.ndarray) -> None:
    """A number given as text beside the orientation: Pillow's exif_transpose raises struct.error over it."""
    entries = struct.pack(">H", 2) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    entries += struct.pack(">HHI4sI", 0x0152, 2, 4, b"abc", 0)  # ExtraSamples; and no further directory
    exif = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + entries
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", exif=exif)), np.rot90(picture, 3))


@pytest.mark.parametrize("exif", [b"Exif\0\0noise", b"Exif\0\0MM\0*" + bytes(4), b"x" * 40])
@pytest.mark.filterwarnings("ignore")
def test_broken_exif_turns_nothing(picture: np.ndarray, exif: bytes) -> None:
    for format in ("PNG", "WEBP"):
        assert far(decode(encoded(picture, format, exif=exif)), picture) < 8


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
    read = decode(encoded(picture, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(read.astype(int), picture[..., ::-1], atol=2)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_colours_of_a_wide_profile_become_more_vivid_in_srgb(picture: np.ndarray, format: str) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    read = decode(encoded(flat, format, quality=100, icc_profile=picture_files.wide_profile()))
    np.testing.assert_allclose(read[4:12, 4:12].mean(axis=(0, 1)), adobe_to_srgb(flat[0, 0]), atol=2.5)
    assert far(decode(encoded(flat, format, quality=100)), flat) < 2


def adobe_to_srgb(colour: np.ndarray) -> np.ndarray:
    """By the two standards' own matrices and curves."""
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    to_srgb = np.array([[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]])
    linear = np.clip(to_srgb @ to_xyz @ (colour / 255) ** 2.2, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_a_profile_also_speaks_of_a_palettes_colours(picture: np.ndarray) -> None:
    paletted = Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    expected = np.asarray(paletted.convert("RGB"))[..., ::-1].astype(int)
    read = decode(encoded(paletted, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(read, expected, atol=2)


def test_a_profile_also_speaks_of_a_transparent_pictures_colours(picture: np.ndarray) -> None:
    rgba = Image.fromarray(picture).convert("RGBA")
    read = decode(encoded(rgba, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(read.astype(int), picture[..., ::-1], atol=2)


def test_the_srgb_profile_changes_nothing(picture: np.ndarray) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_allclose(decode(encoded(picture, "PNG", icc_profile=profile)).astype(int), picture, atol=1)


def broken_profiles() -> dict[str, bytes]:
    whole = picture_files.swapped_profile()
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {"noise": b"no profile" * 30, "truncated": whole[:200], "of another kind": grey, "one byte": b"x"}


@pytest.mark.parametrize("profile", broken_profiles().values(), ids=broken_profiles())
def test_a_broken_profile_is_ignored(picture: np.ndarray, profile: bytes) -> None:
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", icc_profile=profile)), picture)
    assert far(decode(encoded(picture, "JPEG", quality=95, icc_profile=profile)), picture) < 8


def test_a_colour_profile_on_a_grey_picture_is_ignored(picture: np.ndarray) -> None:
    grey = Image.fromarray(picture).convert("L")
    read = decode(encoded(grey, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_array_equal(read, np.asarray(grey.convert("RGB")))


# What is refused


@pytest.mark.parametrize(
    "data", [b"", b"x", b"Dear Sir or Madam,\n" * 50, bytes(5000), b"\x89PNG\r\n\x1a\n", b"<svg/>"]
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match="not an image that can be read"):
        decode(data)


@pytest.mark.parametrize("format", ["TIFF", "PPM", "ICO", "TGA", "EPS", "PDF"])
def test_formats_with_unsafe_readers_are_refused(picture: np.ndarray, format: str) -> None:
    with pytest.raises(UnreadableImage, match="known formats: PNG, JPEG, WEBP, GIF, BMP"):
        decode(encoded(picture, format))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(picture: np.ndarray, format: str, share: float) -> None:
    data = encoded(picture, format)
    with pytest.raises(UnreadableImage):
        decode(data[: round(len(data) * share)])


def test_a_palette_picture_without_its_palette_is_refused() -> None:
    """Pillow raises an AssertionError over it."""
    with pytest.raises(UnreadableImage):
        decode(picture_files.png_without_palette(16))


BOMBS = {
    "PNG": picture_files.png_claiming,
    "JPEG": picture_files.jpeg_claiming,
    "GIF": picture_files.gif_claiming,
    "BMP": picture_files.bmp_claiming,
    "WEBP": picture_files.webp_claiming,
}


@pytest.mark.parametrize("format", BOMBS)
def test_a_header_that_claims_too_many_pixels_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise OSError("was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    side = 16384 if format == "WEBP" else 20000
    with pytest.raises(UnreadableImage, match=f"{side} x {side} pixels are too many; at most 64,000,000"):
        check_image(BOMBS[format](side, side))
    with pytest.raises(UnreadableImage, match="was decoded"):  # the trap works
        check_image(BOMBS[format](100, 100))


def test_the_largest_picture_is_that_of_64_million_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableImage, match="too many"):
        decode(picture_files.png_claiming(64_000_001, 1))
    monkeypatch.setattr(images, "MAX_PIXELS", 20 * 30)
    assert decode(encoded(np.zeros((20, 30, 3), np.uint8), "PNG")).shape == (20, 30, 3)
    with pytest.raises(UnreadableImage, match="too many"):
        decode(encoded(np.zeros((20, 31, 3), np.uint8), "PNG"))


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 7)])
def test_a_picture_of_next_to_no_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImage, match=f"{size[1]} x {size[0]} pixels are too few"):
        check_image(encoded(np.zeros((*size, 3), np.uint8), "PNG"))
    assert check_image(encoded(np.zeros((8, 8, 3), np.uint8), "PNG")).width == 8


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(picture: np.ndarray, seed: int) -> None:
    rng = random.Random(seed)
    whole = [encoded(picture, format) for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP")]
    whole += [exif_file(picture, 6, format, tag_010e="text") for format in ("PNG", "JPEG", "WEBP")]
    whole += [encoded(picture, "PNG", icc_profile=picture_files.wide_profile())]
    whole += [encoded(Image.fromarray(picture).convert("P"), "PNG", transparency=3)]
    outcomes = {"read": 0, "refused": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about broken EXIF
        for data in itertools.islice(itertools.cycle(whole), 200):
            damaged = bytearray(data)
            for _ in range(rng.choice((1, 2, 8))):
                damaged[rng.randrange(min(len(damaged), rng.choice((150, 10**6))))] = rng.randrange(256)
            try:
                read = decode(repaired(damaged))
                assert read.shape[2] == 3
                outcomes["read"] += 1
            except UnreadableImage:
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 10


def repaired(data: bytearray) -> bytes:
    """A damaged PNG's checksums made right, so that the damage is not stopped at those."""
    at = 8
    while data[1:4] == b"PNG" and at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if at + 12 + size > len(data):
            break
        chunk = picture_files.png_chunk(bytes(data[at + 4 : at + 8]), bytes(data[at + 8 : at + 8 + size]))
        data[at : at + 12 + size] = chunk
        at += 12 + size
    return bytes(data)


# What is said of a file


def test_a_checked_image_holds_the_files_bytes_size_and_digest(picture: np.ndarray) -> None:
    data = encoded(picture, "PNG")
    checked = check_image(data)
    assert (checked.data, checked.width, checked.height) == (data, 40, 24)
    assert checked.sha256 == hashlib.sha256(data).hexdigest()


# Sizes


@pytest.mark.parametrize(
    ("given", "size", "expected"),
    [
        ((451, 300), 512, (512, 341)),
        ((300, 451), 512, (341, 512)),
        ((512, 512), 512, (512, 512)),
        ((4000, 3000), 384, (384, 288)),
        ((1000, 1), 64, (64, 1)),
        ((1, 5000), 32, (1, 32)),
        ((1920, 1079), 64, (64, 36)),
        ((40, 24), 40, (40, 24)),
    ],
)
def test_the_long_edge_gets_the_size_and_the_short_one_keeps_the_aspect(
    given: tuple[int, int], size: int, expected: tuple[int, int]
) -> None:
    assert fitted_size(*given, size) == expected


def test_the_long_edge_is_exact_and_the_short_one_rounded_for_every_size() -> None:
    rng = np.random.default_rng(0)
    for width, height, size in rng.integers(8, 5000, (2000, 3)).tolist():
        fitted = fitted_size(width, height, size)
        assert max(fitted) == size
        assert abs(min(fitted) - min(width, height) * size / max(width, height)) <= 0.5 or min(fitted) == 1


def test_a_picture_that_has_the_size_is_given_back_untouched(photo: np.ndarray) -> None:
    assert resize(photo, 451, 300) is photo
    assert resize_long_edge(photo, 451) is photo
    assert cover(photo, 451, 300) is photo


def test_resizing_keeps_the_brightness_and_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    np.testing.assert_allclose(resize(stripes, 16, 16)[2:-2, 2:-2], 100, atol=3)
    assert resize(stripes, 20, 10).shape == (10, 20, 3)


def test_resizing_up_and_down_again_gives_nearly_the_same(photo: np.ndarray) -> None:
    small = resize_long_edge(photo, 100)
    assert small.shape == (67, 100, 3)
    assert far(resize(resize_long_edge(small, 300), 100, 67), small) < 2


@pytest.mark.parametrize(("width", "height"), [(40, 10), (10, 40), (100, 24), (24, 24)])
def test_covering_takes_the_middle_and_keeps_the_aspect(picture: np.ndarray, width: int, height: int) -> None:
    covered = cover(picture, width, height)
    assert covered.shape == (height, width, 3)
    scale = max(width / 40, height / 24)
    whole = resize(picture, round(40 * scale), round(24 * scale))
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    assert far(covered, whole[top : top + height, left : left + width]) < 8


# Writing


def test_png_is_written_without_loss(photo: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(images.encode(photo)), photo)


@pytest.mark.parametrize(("format", "signature"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")])
def test_the_file_is_of_the_format_asked_for(picture: np.ndarray, format: str, signature: bytes) -> None:
    data = images.encode(picture, format)
    assert data.startswith(signature)
    assert far(decode(data), picture) < 8
    assert images.MEDIA_TYPES[format] == f"image/{format}"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_higher_quality_is_nearer_and_larger(photo: np.ndarray, format: str) -> None:
    low, high = images.encode(photo, format, 20), images.encode(photo, format, 95)
    assert len(low) < len(high) / 2
    assert far(decode(high), photo) < far(decode(low), photo) / 2


def test_a_thumbnail_is_a_small_jpeg_of_the_whole_picture(photo: np.ndarray) -> None:
    small = images.thumbnail(encoded(photo, "PNG"))
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 170))
    assert far(decode(small), resize_long_edge(photo, 256)) < 5


def test_a_thumbnail_is_never_larger_than_the_picture(picture: np.ndarray) -> None:
    assert decode(images.thumbnail(encoded(picture, "PNG"))).shape == picture.shape


@pytest.mark.slow
def test_classic_photos_and_paintings_are_read(classics: Path) -> None:
    for path in sorted(classics.iterdir()):
        read = decode(path.read_bytes())
        assert read.std() > 20, path
