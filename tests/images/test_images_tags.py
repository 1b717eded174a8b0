"""What is written says that it is sRGB, and nothing else."""

from __future__ import annotations

import io
import struct

import numpy as np
import picture_profiles
import pytest
from picture_files import encoded
from PIL import Image, ImageCms, PngImagePlugin

from service.decoding import reading
from service.decoding.reading import decode, decode_cutout, transcode
from service.pictures import images, sheet
from service.pictures.images import encode
from service.pictures.srgb import PROFILE

PLACE = b"48.8584 N 2.2945 E"


def veil(picture: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 255, picture.shape[1]).round().astype(np.uint8), picture.shape[:2])


def chunks(png: bytes) -> list[bytes]:
    """The kinds of a PNG's chunks, in order."""
    at, kinds = 8, []
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kinds.append(png[at + 4 : at + 8])
        at += 12 + size
    return kinds


def said(data: bytes) -> set[str | tuple[int, int]]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return set(image.info)


@pytest.mark.parametrize("with_alpha", [False, True])
def test_a_png_has_the_chunk_srgb_and_no_other_of_its_kind(picture: np.ndarray, with_alpha: bool) -> None:
    data = encode(picture, "png", alpha=veil(picture) if with_alpha else None)
    assert set(chunks(data)) == {b"IHDR", b"sRGB", b"IDAT", b"IEND"}
    assert chunks(data)[1] == b"sRGB"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_a_jpeg_and_a_webp_have_the_srgb_profile(picture: np.ndarray, format: str) -> None:
    data = encode(picture, format)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == PROFILE
    allowed = {"icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density", "loop", "background", "timestamp",
               "duration"}  # fmt: skip
    assert said(data) <= allowed


def test_the_profile_is_srgbs_without_the_time_it_was_made_at() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(PROFILE)).profile
    assert profile.profile_description is not None
    assert profile.profile_description.startswith("sRGB")
    assert profile.creation_date is not None
    assert profile.creation_date.year == 2000
    assert len(PROFILE) < 1000


def test_our_own_profile_is_not_applied_again(picture: np.ndarray) -> None:
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", icc_profile=PROFILE)), picture)


def with_secrets(picture: np.ndarray, format: str) -> bytes:
    """A file that says where it was taken, in every way that its format has."""
    exif = Image.Exif()
    exif[0x010E] = PLACE.decode()
    exif.get_ifd(0x8825)[0x1D] = PLACE.decode()
    if format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", PLACE.decode())
        text.add_itxt("XML:com.adobe.xmp", PLACE.decode())
        return encoded(picture, format, exif=exif, pnginfo=text)
    comment = {"comment": PLACE} if format == "JPEG" else {}
    return encoded(picture, format, exif=exif, xmp=PLACE, **comment)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_what_a_file_says_of_itself_comes_out_nowhere(picture: np.ndarray, format: str) -> None:
    data = with_secrets(picture, format)
    assert PLACE in data
    cutout = decode_cutout(data)
    written = [reading.thumbnail(data), sheet.contact_sheet([("", lambda: decode(data))])]
    for wanted in images.MEDIA_TYPES:
        written += [encode(cutout.colours, wanted), transcode(data, wanted, 90)]
    for made in written:
        assert PLACE not in made
        assert said(made).isdisjoint({"exif", "xmp", "comment", "Comment", "XML:com.adobe.xmp"})


@pytest.mark.parametrize("wanted", ["png", "webp"])
def test_alpha_is_written_and_kept_in_another_format(picture: np.ndarray, wanted: str) -> None:
    alpha = veil(picture)
    for data in (encode(picture, wanted, 100, alpha), transcode(encode(picture, "png", alpha=alpha), wanted, 100)):
        read = decode_cutout(data)
        np.testing.assert_array_equal(read.alpha, alpha)
    np.testing.assert_array_equal(decode_cutout(encode(picture, "png", alpha=alpha)).colours, picture)


def test_a_jpeg_of_a_transparent_picture_is_laid_over_white(picture: np.ndarray) -> None:
    alpha = veil(picture)
    made = decode(transcode(encode(picture, "png", alpha=alpha), "jpeg", 98))
    share = alpha[..., None] / 255
    assert np.abs(made - (share * picture + (1 - share) * 255)).mean() < 3


def test_a_swapped_profile_does_not_outlive_the_reading(picture: np.ndarray) -> None:
    data = encoded(picture, "PNG", icc_profile=picture_profiles.swapped_profile())
    np.testing.assert_allclose(decode(transcode(data, "png", 90)).astype(int), picture[..., ::-1], atol=2)
