"""What isn't a picture, is damaged, or has too many or too few pixels is refused."""

from __future__ import annotations

import io
import itertools
import random
import struct
import warnings

import numpy as np
import picture_files
import picture_profiles
import pytest
from images.picture_checks import exif_file
from picture_files import encoded
from PIL import Image, ImageFile

from service.decoding import formats, reading
from service.decoding.reading import decode, upright_size
from service.pictures.formats import READABLE
from service.pictures.images import UnreadableImage
from service.pictures.srgb import PROFILE


@pytest.mark.parametrize("data", [b"x", b"Dear Sir,\n" * 50, bytes(5000), b"RIFF    WAVE", b"BMW drives by. " * 9])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableImage, match="not an image that can be read"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "an AVIF file, but damaged in its header"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC file, but "),
        (b"II*\0" + bytes(40), "a TIFF file, but "),
        (b"\0\0\0\x0cJXL \r\n", "in the format JPEG XL, which isn't read"),
        (b"<?xml version='1.0'?>\n<svg/>", "in the format SVG, which isn't read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "in the format Git LFS pointer, which isn't"),
        (b"\n<!DOCTYPE html><p>Not found", "in the format HTML, which isn't read"),
    ],
)
def test_what_people_send_is_called_by_its_name(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableImage, match=words):
        decode(data)


def test_where_heic_is_not_read_the_error_says_what_would_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "READABLE", tuple(name for name in READABLE if name != "HEIC"))
    with pytest.raises(UnreadableImage, match="in the format HEIC, which isn't read without pillow-heif"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


@pytest.mark.parametrize("format", ["PPM", "ICO", "TGA", "EPS", "PDF"])
def test_formats_with_unsafe_readers_are_refused(picture: np.ndarray, format: str) -> None:
    with pytest.raises(UnreadableImage, match="known formats: PNG, JPEG, WEBP, GIF, BMP, AVIF, TIFF, HEIC"):
        decode(encoded(picture, format))


@pytest.mark.parametrize("format", READABLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(picture: np.ndarray, format: str, share: float) -> None:
    data = encoded(picture, format)
    with pytest.raises(UnreadableImage, match=f"{format} file, but it is cut off"):
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
    tried = []

    def load(self: ImageFile.ImageFile) -> None:
        tried.append(self.size)
        raise OSError("was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    side = 16384 if format == "WEBP" else 20000
    with pytest.raises(UnreadableImage, match=f"{side} x {side} pixels are too many; at most 64,000,000"):
        upright_size(BOMBS[format](side, side))
    assert tried == []
    with pytest.raises(UnreadableImage):
        upright_size(BOMBS[format](100, 100))
    assert tried[0] == (100, 100)  # the trap works


def test_the_largest_picture_is_that_of_64_million_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableImage, match="too many"):
        decode(picture_files.png_claiming(64_000_001, 1))
    monkeypatch.setattr(reading, "MAX_PIXELS", 20 * 30)
    assert decode(encoded(np.zeros((20, 30, 3), np.uint8), "PNG")).shape == (20, 30, 3)
    with pytest.raises(UnreadableImage, match="too many"):
        decode(encoded(np.zeros((20, 31, 3), np.uint8), "PNG"))


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 7)])
def test_a_picture_of_next_to_no_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImage, match=f"{size[1]} x {size[0]} pixels are too few"):
        upright_size(encoded(np.zeros((*size, 3), np.uint8), "PNG"))
    assert upright_size(encoded(np.zeros((8, 8, 3), np.uint8), "PNG")) == (8, 8)


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_read_or_refused_and_nothing_else(picture: np.ndarray, seed: int) -> None:
    rng = random.Random(seed)
    whole = [encoded(picture, format) for format in ("PNG", "JPEG", "WEBP", "GIF", "BMP")]
    whole += [exif_file(picture, 6, format, tag_010e="text") for format in ("PNG", "JPEG", "WEBP")]
    whole += [encoded(picture, "PNG", icc_profile=picture_profiles.wide_profile())]
    whole += [encoded(Image.fromarray(picture).convert("P"), "PNG", transparency=3)]
    whole += [encoded(Image.fromarray(picture).convert("LA"), "PNG", icc_profile=picture_profiles.grey_profile(3.0))]
    whole += [picture_files.png_of_samples(picture.astype(np.uint16) * 250, 16, (b"tRNS", bytes(range(6))))]
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


def test_a_png_with_many_profiles_is_refused_before_any_is_unpacked() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG", icc_profile=PROFILE)
    data = buffer.getvalue()
    at = data.index(b"iCCP") - 4
    chunk = data[at : at + 12 + int.from_bytes(data[at : at + 4])]
    assert upright_size(data) == (16, 16)
    with pytest.raises(UnreadableImage, match="one colour profile"):
        upright_size(data[:at] + 2 * chunk + data[at + len(chunk) :])
