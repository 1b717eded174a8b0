"""Pictures and thumbnails are written in the format and quality asked for."""

from __future__ import annotations

import io

import numpy as np
import pytest
from images.picture_checks import far
from picture_files import encoded
from PIL import Image

from service.decoding import reading
from service.decoding.reading import decode
from service.pictures import images
from service.pictures.images import resize_long_edge


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
    small = reading.thumbnail(encoded(photo, "PNG"))
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 170))
    assert far(decode(small), resize_long_edge(photo, 256)) < 5


def test_a_thumbnail_is_never_larger_than_the_picture(picture: np.ndarray) -> None:
    assert decode(reading.thumbnail(encoded(picture, "PNG"))).shape == picture.shape
