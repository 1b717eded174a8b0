"""Pictures as phones and scanners save them: AVIF, HEIC and TIFF."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from heic_tiles import tiled
from images.picture_checks import exif_file
from picture_files import encoded
from PIL import Image

from service.decoding import isobmff
from service.decoding.formats import head_of, media_type_of
from service.decoding.reading import decode, decode_cutout, upright_size
from service.decoding.structure import check_structure
from service.decoding.tiff import why_broken
from service.pictures.images import UnreadableImage

FORMATS = ("AVIF", "HEIC", "TIFF")
WIDTH, HEIGHT, COMPRESSION, PHOTOMETRIC, STRIPS, LENGTHS = 256, 257, 259, 262, 273, 279  # tags of a TIFF
SHORT, LONG, SLONG, LONG8 = 3, 4, 9, 16  # types of their values


@pytest.fixture
def photo() -> Image.Image:
    """A smooth picture of 64 x 48 pixels, so that codecs with losses change it little."""
    small = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
    return Image.fromarray(small).resize((64, 48), Image.Resampling.BICUBIC)


def near(picture: np.ndarray, expected: Image.Image | np.ndarray) -> bool:
    expected = np.asarray(expected).astype(int)
    return picture.shape == expected.shape and float(np.abs(picture.astype(int) - expected).mean()) < 4


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another value of a tag of its first directory, as a LONG."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    changed = bytearray(data)
    for place in range(at + 2, at + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, place) == (tag,):
            struct.pack_into("<HHII", changed, place, tag, 4, 1, value)
            return bytes(changed)
    raise AssertionError(f"there is no tag {tag}")


@pytest.mark.parametrize("format", FORMATS)
def test_it_is_read(photo: Image.Image, format: str) -> None:
    data = encoded(photo, format)
    assert near(decode(data), photo)
    assert upright_size(data) == (64, 48)
    assert media_type_of(data) == f"image/{format.lower()}"


@pytest.mark.parametrize("format", FORMATS)
def test_transparency_comes_apart(photo: Image.Image, format: str) -> None:
    alpha = Image.linear_gradient("L").resize(photo.size)
    photo.putalpha(alpha)
    cutout = decode_cutout(encoded(photo, format))
    assert cutout.alpha is not None
    assert near(cutout.alpha, alpha)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_is_applied_once(photo: Image.Image, format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    plain = decode(encoded(photo, "PNG", exif=exif))
    data = encoded(photo, format, exif=exif.tobytes())
    assert near(decode(data), plain)
    assert upright_size(data) == (plain.shape[1], plain.shape[0])
    assert (head_of(data).pixels or 0) >= 64 * 48  # HEIC has a margin


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_is_read_with_usual_compressions(photo: Image.Image, compression: str | None, big: bool) -> None:
    assert near(decode(encoded(photo, "TIFF", compression=compression, big_tiff=big)), photo)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "I;16"])
def test_a_tiff_is_read_in_usual_modes(photo: Image.Image, mode: str) -> None:
    grey = photo.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    image = deep if mode == "I;16" else photo.convert(mode)
    expected = grey if mode == "I;16" else image
    assert near(decode(encoded(image, "TIFF")), expected.convert("RGB"))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_deep_grey_is_turned_where_white_is_zero_and_refused_where_it_is_deeper(compression: str | None) -> None:
    grey = np.linspace(0, 255, 64 * 48).reshape(48, 64).round().astype(np.uint8)
    deep = encoded(Image.fromarray(grey.astype(np.uint16) * 257), "TIFF", compression=compression)
    turned = with_tag(deep, PHOTOMETRIC, 0)
    assert upright_size(turned) == (64, 48)
    np.testing.assert_array_equal(decode(turned)[..., 0], 255 - grey)
    levels = Image.fromarray(grey.astype(np.int32) * 257)
    np.testing.assert_array_equal(decode(encoded(levels, "TIFF", compression=compression))[..., 0], grey)
    for deeper in (levels.point(lambda level: level * 2), levels.point(lambda level: level - 1)):
        with pytest.raises(UnreadableImage, match=r"levels of grey go from (0 to 131070|-1 to 65534)"):
            decode(encoded(deeper, "TIFF", compression=compression))


def test_of_several_pages_the_first_is_read(photo: Image.Image) -> None:
    other = photo.transpose(Image.Transpose.ROTATE_180)
    assert near(decode(encoded(photo, "TIFF", save_all=True, append_images=[other])), photo)
    assert near(decode(encoded(photo, "AVIF", save_all=True, append_images=[other])), photo)


def test_a_rare_compression_and_floating_point_are_refused(photo: Image.Image) -> None:
    with pytest.raises(UnreadableImage, match="a TIFF with the compression 34887 isn't read"):
        decode(with_tag(encoded(photo, "TIFF"), COMPRESSION, 34887))
    with pytest.raises(UnreadableImage, match="floating point"):
        decode(encoded(photo.convert("F"), "TIFF"))


def test_too_many_pixels_are_refused_by_the_header(photo: Image.Image) -> None:
    data = with_tag(encoded(photo, "TIFF"), WIDTH, 2_000_000)
    assert head_of(data).pixels == 2_000_000 * 48
    with pytest.raises(UnreadableImage, match="too many"):
        decode(data)


def test_the_largest_picture_of_a_file_in_tiles_counts() -> None:
    sizes = [box(b"ispe", struct.pack(">III", 0, *size)) for size in ((512, 512), (4032, 3024), (320, 240))]
    inner = box(b"hdlr", bytes(24)) + box(b"iprp", box(b"ipco", box(b"colr", bytes(5)) + b"".join(sizes)))
    data = box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4) + inner)
    assert (head_of(data).format, head_of(data).pixels) == ("HEIC", 4032 * 3024)
    assert isobmff.pixels(data[:60]) is None


def test_a_heic_in_tiles_is_read(photo: Image.Image) -> None:
    tile = photo.resize((64, 64))
    whole = Image.new("RGB", (192, 128))
    for at in ((x, y) for x in (0, 64, 128) for y in (0, 64)):
        whole.paste(tile, at)
    data = tiled(encoded(tile, "HEIC"), 64, 3, 2)
    assert near(decode(data), whole)
    assert head_of(data).pixels == 192 * 128
    many = tiled(encoded(tile.resize((512, 512)), "HEIC"), 512, 16, 16)
    assert head_of(many).pixels == 8192**2
    with pytest.raises(UnreadableImage, match="too many"):
        decode(many)


def test_boxes_that_never_end_are_walked_for_a_bounded_time() -> None:
    hostile = box(b"ftyp", b"avif\0\0\0\0avif") + box(b"free", b"") * 200_000
    assert head_of(hostile).pixels is None
    endless = box(b"ftyp", b"avif\0\0\0\0avif") + struct.pack(">I4sQ", 1, b"free", 0)
    with pytest.raises(UnreadableImage):
        decode(endless)


@pytest.mark.parametrize("place", [0, 7, 4096, 2**63, 2**64 - 1])
def test_a_directory_that_is_nowhere_is_a_broken_image(place: int) -> None:
    data = struct.pack("<2sHHHQ", b"II", 43, 8, 0, place) + bytes(100)
    assert head_of(data).pixels is None
    with pytest.raises(UnreadableImage, match="a TIFF file, but it"):
        decode(data)


def directory(*entries: tuple[int, int, int, int], header: bytes = b"II*\0") -> bytes:
    """The beginning of a little-endian TIFF: entries of a tag, a type, a count and a value."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return header + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)


SIZE = ((WIDTH, LONG, 1, 64), (HEIGHT, LONG, 1, 48))
RARE = (COMPRESSION, LONG, 1, 34887)


HIDDEN = {
    "signed": directory(*SIZE, (COMPRESSION, SLONG, 1, 34887)),
    "two numbers": directory(*SIZE, (COMPRESSION, LONG, 2, 8)),
    "twice": directory(*SIZE, (COMPRESSION, LONG, 1, 1), RARE),
    "after an entry without its value": directory((STRIPS, LONG, 9, 2**31), *SIZE, RARE),
    "after many entries": directory(*[(65000, LONG, 1, 0)] * 1000, *SIZE, RARE),
    "behind the end": directory(*SIZE, RARE)[:-6],
    "in a big-endian BigTIFF": directory(*SIZE, header=b"MM\0+"),
    "in mixed byte orders": directory(*SIZE, header=b"II\0*"),
    "a size of 64 bits": directory((WIDTH, LONG8, 1, 64), SIZE[1]),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_no_compression_is_hidden_from_the_check_of_a_tiff(how: str) -> None:
    assert head_of(HIDDEN[how]).format == "TIFF"
    with pytest.raises(UnreadableImage, match=r"a TIFF file, but|compression 34887"):
        check_structure(HIDDEN[how])


def test_the_head_of_a_tiff_unpacks_no_long_lists() -> None:
    many = [(tag, LONG, 500_000, 20_000) for tag in (STRIPS, LENGTHS, WIDTH)] * 300
    data = directory(*SIZE, *many) + bytes(2**21)
    begun = time.process_time()
    assert head_of(data).pixels is None
    assert time.process_time() - begun < 0.5
    assert "pieces" not in (why_broken(data) or "")


def test_missing_pieces_of_a_tiff_are_counted(photo: Image.Image) -> None:
    data = encoded(photo, "TIFF", tiffinfo={278: 8})
    assert why_broken(data) is None
    moved = directory(*SIZE, (STRIPS, SHORT, 2, 8 | 9999 << 16), (LENGTHS, SHORT, 2, 5 | 5 << 16))
    assert why_broken(moved) == "it is cut off: 1 of 2 pieces of its pixels are there"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_tiff_that_lacks_its_last_byte_is_cut_off(photo: Image.Image, compression: str) -> None:
    with pytest.raises(UnreadableImage, match="cut off: its directory names values that aren't there"):
        decode(encoded(photo, "TIFF", compression=compression)[:-1])


def test_pixels_of_a_tiff_that_cannot_be_decoded_are_called_damaged(photo: Image.Image) -> None:
    data = encoded(photo, "TIFF", compression="jpeg")
    with pytest.raises(UnreadableImage, match="a TIFF file, but its pixels are damaged"):
        decode(data.replace(b"\xff\xda", b"\xff\xbb"))


def test_a_file_without_exif_is_as_upright_as_one_with_it(photo: Image.Image) -> None:
    assert upright_size(exif_file(np.asarray(photo), 1, "TIFF")) == (64, 48)
