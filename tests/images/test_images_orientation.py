"""A picture comes in upright, whatever its EXIF says or fails to say."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from images.picture_checks import exif_file, far
from picture_files import encoded
from PIL import PngImagePlugin

from service.decoding.files import check_image
from service.decoding.reading import decode

UPRIGHT = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
           5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, 3),
           7: lambda p: np.rot90(p, 2).transpose(1, 0, 2), 8: np.rot90}  # fmt: skip
"""EXIF orientation -> what brings the stored picture upright, as the standard defines them."""


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


def exif(tag: int, kind: int, count: int, value: bytes, order: str = ">") -> bytes:
    """EXIF of one tag."""
    start = b"MM\0*" if order == ">" else b"II*\0"
    return start + struct.pack(f"{order}IHHHI4sI", 8, 1, tag, kind, count, value, 0)


def turned_by_others(picture: np.ndarray) -> dict[str, bytes]:
    """Files whose pictures some programs turn, and browsers don't."""
    said = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    right = exif(0x0112, 3, 1, b"\0\6\0\0")
    files = {f"xmp in {format}": encoded(picture, format, xmp=said.encode()) for format in ("JPEG", "WEBP")}
    whole = b"Exif\0\0" + right
    raw = f"\nexif\n{len(whole):8}\n{whole.hex()}\n"
    for name, text in (("XML:com.adobe.xmp", said), ("Raw profile type exif", raw)):
        info = PngImagePlugin.PngInfo()
        info.add_itxt(name, text)
        files[f"{name} in PNG"] = encoded(picture, "PNG", pnginfo=info)
    others = {
        "a LONG": exif(0x0112, 4, 1, b"\0\0\0\6"), "a byte": exif(0x0112, 1, 1, b"\6\0\0\0"),
        "two numbers": exif(0x0112, 3, 2, b"\0\6\0\6"), "cut off": right[:14],
        "another tag": exif(0x0113, 3, 1, b"\0\6\0\0"), "a directory far away": right[:4] + b"\xff" * 4 + right[8:],
    }  # fmt: skip
    files |= {f"{name} in PNG": encoded(picture, "PNG", exif=one) for name, one in others.items()}
    return files | {"a LONG in WEBP": encoded(picture, "WEBP", exif=others["a LONG"])}


@pytest.mark.filterwarnings("ignore")
def test_nothing_but_a_right_orientation_in_exif_turns_a_picture(picture: np.ndarray) -> None:
    turned = [name for name, data in turned_by_others(picture).items() if decode(data).shape != picture.shape]
    assert turned == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_read_in_both_byte_orders(picture: np.ndarray, order: str) -> None:
    right = exif(0x0112, 3, 1, struct.pack(f"{order}HH", 6, 0), order)
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", exif=right)), np.rot90(picture, 3))


def test_an_orientation_that_does_not_exist_hides_no_other(picture: np.ndarray) -> None:
    tags = b"".join(struct.pack(">HHIHH", 0x0112, 3, 1, value, 0) for value in (9, 6, 8))
    two = b"MM\0*" + struct.pack(">IH", 8, 3) + tags + bytes(4)
    np.testing.assert_array_equal(decode(encoded(picture, "PNG", exif=two)), np.rot90(picture, 3))
