"""Damaged picture files of every format: with all of their pixels, or without some, and what is said of these."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from picture_files import encoded, png_chunk
from PIL import Image, ImageOps

SIDE_CHUNKS: dict[bytes, bytes] = {
    b"iCCP": b"p\0\0" + zlib.compress(bytes(100)), b"iTXt": b"Comment\0\0\0en\0Kommentar\0a comment",
    b"tEXt": b"Comment\0a comment", b"zTXt": b"Comment\0\0" + zlib.compress(b"a comment"), b"sRGB": b"\0",
    b"gAMA": struct.pack(">I", 45455), b"pHYs": struct.pack(">IIB", 2835, 2835, 1), b"sBIT": b"\5\6\5",
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000), b"bKGD": bytes(6),
    b"tIME": bytes((7, 230, 1, 1, 0, 0, 0)), b"tRNS": bytes(6), b"cICP": b"\1\x0d\0\1", b"acTL": bytes(8),
    b"eXIf": b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", b"prVt": b"somebody's own",
}  # fmt: skip
"""A side chunk of each kind, as its format wants it; that of EXIF would turn the picture."""
CUT = r"cut off: \d+ % of its pixels are there"
ROWS = r"cut off: \d+ of its \d+ rows are there"


@dataclass(frozen=True)
class Damaged:
    """A damaged file, the file that it was, and why it can't be read; None if it can, with the same pixels."""

    name: str
    data: bytes
    whole: bytes
    why: str | None = None


def damaged(picture: np.ndarray) -> list[Damaged]:
    """Files of every format, from an H x W x 3 uint8 picture of at most some 100 pixels along each side."""
    return [*_pngs(picture), *_jpegs(picture), *_webps(picture), *_gifs(picture), *_bmps(picture)]


def chunk_at(png: bytes, kind: bytes) -> tuple[int, int]:
    """Where the first chunk of a kind begins and ends."""
    at = png.index(kind, 8) - 4
    return at, at + 12 + int.from_bytes(png[at : at + 4])


def with_chunk(png: bytes, kind: bytes, content: bytes, *, wrong_sum: bool = False) -> bytes:
    """A PNG with one chunk more, after its header."""
    at, chunk = chunk_at(png, b"IHDR")[1], png_chunk(kind, content)
    return png[:at] + (spoiled(chunk) if wrong_sum else chunk) + png[at:]


def spoiled(data: bytes, at: int = -1) -> bytes:
    """Data with all bits of one byte turned over."""
    broken = bytearray(data)
    broken[at] ^= 255
    return bytes(broken)


def _with_pixels(png: bytes, packed: bytes) -> bytes:
    """A PNG with other bytes as its packed pixels, under a right checksum."""
    at, end = chunk_at(png, b"IDAT")
    return png[:at] + png_chunk(b"IDAT", packed) + png[end:]


def _pngs(picture: np.ndarray) -> Iterator[Damaged]:
    whole = encoded(picture, "PNG")
    for kind, content in SIDE_CHUNKS.items():
        name = f"png, {kind.decode()}"
        yield Damaged(f"{name} with a wrong sum", with_chunk(whole, kind, content, wrong_sum=True), whole)
        for what, other in (("nothing", b""), ("rubbish", b"\xff\0\xfe" * 7)):
            yield Damaged(f"{name} of {what}", with_chunk(whole, kind, other), whole)
    at, end = chunk_at(whole, b"IDAT")
    packed, last = whole[at + 8 : end - 4], chunk_at(whole, b"IEND")[0]
    rows = zlib.decompress(packed)
    half = len(packed) // 2
    pieces = whole[:at] + png_chunk(b"IDAT", packed[:half]) + png_chunk(b"IDAT", packed[half:]) + whole[end:]
    for name, data in (
        ("in two pieces, the first with a wrong sum", spoiled(pieces, at + half + 11)),
        ("pixels whose own sum is wrong", _with_pixels(whole, spoiled(packed))),
        ("pixels without their own sum", _with_pixels(whole, packed[:-4])),
        ("pixels with rubbish after them", _with_pixels(whole, packed + b"rubbish")),
        ("a row too many", _with_pixels(whole, zlib.compress(rows + rows[-100:]))),
        ("without an end", whole[:last]), ("half of its end", whole[: last + 6]),
        ("without the pixels' sums", whole[: last - 8]), ("rubbish after its end", whole + b"rubbish" * 100),
        ("half a side chunk at its end", whole[:last] + b"\0\0\1\0tEXtrest"),
    ):  # fmt: skip
        yield Damaged(f"png, {name}", data, whole)
    palette = encoded(Image.fromarray(picture).quantize(100), "PNG")
    for name, data, why in (
        ("IHDR with a wrong sum", spoiled(whole, chunk_at(whole, b"IHDR")[1] - 1), "checksum of its chunk IHDR"),
        ("PLTE with a wrong sum", spoiled(palette, chunk_at(palette, b"PLTE")[1] - 1), "checksum of its chunk PLTE"),
        ("other pixels under their sums", spoiled(whole, (at + end) // 2), "can't be unpacked|cut off|checksum"),
        ("a row too few", _with_pixels(whole, zlib.compress(rows[: -(1 + 3 * picture.shape[1])])), CUT),
        ("a byte too few", _with_pixels(whole, zlib.compress(rows[:-1])), CUT),
        ("1 % short", whole[: len(whole) * 99 // 100], CUT), ("half", whole[: len(whole) // 2], CUT),
        ("header only", whole[:33], CUT), ("half of its header", whole[:20], "cut off in its header"),
    ):  # fmt: skip
        yield Damaged(f"png, {name}", data, whole, why)
    yield from _palettes(palette)


def _palettes(whole: bytes) -> Iterator[Damaged]:
    """PNGs whose palette isn't there, or whose transparency is longer than it."""
    at, end = chunk_at(whole, b"PLTE")
    colours, spoilt = whole[at + 8 : end - 4], spoiled(whole[at:end])
    for name, data, why in (
        ("a wrong sum and transparency", whole[:at] + spoilt + png_chunk(b"tRNS", b"\0") + whole[end:], "chunk PLTE"),
        ("no palette", whole[:at] + whole[end:], "it has no palette"),
        ("no palette, but transparency", whole[:at] + png_chunk(b"tRNS", b"\0") + whole[end:], "it has no palette"),
        ("an empty palette", whole[:at] + png_chunk(b"PLTE", b"") + whole[end:], "palette has 0 bytes"),
        ("257 colours", whole[:at] + png_chunk(b"PLTE", bytes(771)) + whole[end:], "palette has 771 bytes"),
    ):  # fmt: skip
        yield Damaged(f"png, {name}", data, whole, why)
    yield Damaged(
        "png, a third of a colour more", whole[:at] + png_chunk(b"PLTE", colours + b"\7") + whole[end:], whole
    )
    for length in (0, 257):
        more = whole[:end] + png_chunk(b"tRNS", bytes(length)) + whole[end:]
        yield Damaged(f"png, {length} transparent colours", more, whole)


JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_rows": 1},
}  # fmt: skip
SEGMENTS = {
    "EXIF of rubbish": (b"\xe1", b"Exif\0\0" + b"\xff\1" * 20), "half a profile": (b"\xe2", b"ICC_PROFILE\0\1\2rest"),
    "a profile of nothing": (b"\xe2", b"ICC_PROFILE\0"), "JFIF of nothing": (b"\xe0", b"JFIF\0\1"),
    "Adobe of nothing": (b"\xee", b"Adobe"), "Photoshop of rubbish": (b"\xed", b"Photoshop 3.0\0" + b"8BIM\xff" * 5),
    "pictures that aren't there": (b"\xe2", b"MPF\0II*\0\x08\0\0\0" + b"\xff" * 30),
}  # fmt: skip


def _jpegs(picture: np.ndarray) -> Iterator[Damaged]:
    for kind, settings in JPEGS.items():
        whole = encoded(picture, "JPEG", quality=85, **settings)
        cut = ROWS if kind != "progressive" else "cut off within its last pass"
        for name, data in (
            ("without its last byte", whole[:-1]), ("without its end", whole[:-2]),
            ("zeros in place of its end", whole[:-2] + bytes(512)), ("rubbish after its end", whole + b"rubbish" * 9),
            ("rubbish in place of its end", whole[:-2] + b"rubbish" * 9), ("another picture", whole[:-2] + whole),
        ):  # fmt: skip
            yield Damaged(f"jpeg, {kind}, {name}", data, whole)
        yield Damaged(f"jpeg, {kind}, 1 % short", whole[: len(whole) * 99 // 100], whole, cut)
        yield Damaged(f"jpeg, {kind}, 8 bytes short", whole[:-10], whole, cut)
        yield Damaged(f"jpeg, {kind}, half", whole[: len(whole) // 2], whole, "cut off: ")
    scans = whole = encoded(picture, "JPEG", progressive=True)
    last = scans.rindex(b"\xff\xda")
    yield Damaged("jpeg, all passes but the last", scans[:last], scans, r"cut off: \d+ of its passes")
    whole = encoded(picture, "JPEG")
    for name, (marker, content) in SEGMENTS.items():
        segment = b"\xff" + marker + (2 + len(content)).to_bytes(2) + content
        yield Damaged(f"jpeg, {name}", whole[:2] + segment + whole[2:], whole)
    tables = whole.index(b"\xff\xdb")
    yield Damaged("jpeg, rubbish before a segment", whole[:tables] + b"rub" + whole[tables:], whole)
    precision = whole.index(b"\xff\xc0") + 4
    deep = whole[:precision] + b"\x0c" + whole[precision + 1 :]
    yield Damaged("jpeg, 12 bits", deep, whole, "its levels have 12 bits; only 8 are read")
    yield Damaged("jpeg, header only", whole[: whole.index(b"\xff\xda")], whole, "cut off before its pixels")
    yield Damaged("jpeg, half of its header", whole[:300], whole, "cut off before its pixels")


EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0"
"""Metadata of one tag: the picture is upright."""
WEBPS: dict[str, dict[str, Any]] = {
    "lossy": {}, "lossless": {"lossless": True}, "metadata": {"exif": EXIF, "xmp": b"<x/>"},
    "transparent": {"alpha": 255},
}  # fmt: skip


def _webps(picture: np.ndarray) -> Iterator[Damaged]:
    for kind, settings in WEBPS.items():
        whole, chunk = _webp(picture, **settings), b"JUNK" + struct.pack("<I", 7) + b"rubbish\0"
        more = whole[:4] + struct.pack("<I", len(whole) - 8 + len(chunk)) + whole[8:] + chunk
        end = _end_of_pixels(whole)
        yield Damaged(f"webp, {kind}, rubbish after its end", whole + b"rubbish" * 100, whole)
        yield Damaged(f"webp, {kind}, a chunk more", more, whole)
        sizes = {"too large": len(whole) + 2, "2 GiB": 2**31, "too small": len(whole) - 18, "zero": 0}
        for name, size in sizes.items():
            yield Damaged(f"webp, {kind}, size {name}", whole[:4] + struct.pack("<I", size) + whole[8:], whole)
        for size in range(end, len(whole), 5):
            yield Damaged(f"webp, {kind}, all pixels in {size} bytes", whole[:size], whole)
        for size in (end - 1, end * 99 // 100, end // 2, 30):
            yield Damaged(f"webp, {kind}, {size} bytes", whole[:size], whole, r"cut off: \d+ % of it is there")
        short = whole[:4] + struct.pack("<I", end - 20) + whole[8 : end - 2]
        yield Damaged(f"webp, {kind}, cut, its size too", short, whole, "ends before the end of its picture")
    still = encoded(picture, "WEBP", lossless=True)
    zeros = still[:60] + bytes(8) + still[68:]
    yield Damaged("webp, zeros between its pixels", zeros, still, "its pixels are damaged")
    moving = encoded(picture, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - picture)])
    first = moving.index(b"ANMF")
    yield Damaged("webp, cut in its second picture", moving[: moving.index(b"ANMF", first + 4) + 99], still)
    yield Damaged("webp, cut in its first of two pictures", moving[: first + 99], still, "cut off")
    features = moving.index(b"VP8X") + 8
    wider = moving[: features + 4] + (picture.shape[1] + 8).to_bytes(3, "little") + moving[features + 7 :]
    yield Damaged("webp, its first picture smaller than its canvas", wider, _on_white(still, 9))


def _on_white(file: bytes, more: int) -> bytes:
    """A picture with more columns, which are white, as a PNG."""
    picture = Image.open(io.BytesIO(file)).convert("RGB")
    return encoded(ImageOps.expand(picture, (0, 0, more, 0), "white"), "PNG")


def _webp(picture: np.ndarray, alpha: int | None = None, **settings: Any) -> bytes:
    """A WebP; with `alpha`, one corner is nearly opaque, so that the file has a plane of transparency."""
    if alpha is None:
        return encoded(picture, "WEBP", **settings)
    levels = np.full((*picture.shape[:2], 1), alpha, np.uint8)
    levels[0, 0] = alpha - 1
    return encoded(Image.fromarray(np.concatenate([picture, levels], 2)), "WEBP")


def _end_of_pixels(webp: bytes) -> int:
    """Where the pixels of a still WebP end, without the byte that makes their length even."""
    at = 12
    while webp[at : at + 4] not in (b"VP8 ", b"VP8L"):
        length = int.from_bytes(webp[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return at + 8 + int.from_bytes(webp[at + 4 : at + 8], "little")


def _gifs(picture: np.ndarray) -> Iterator[Damaged]:
    whole = encoded(picture, "GIF")
    moving = encoded(picture, "GIF", save_all=True, append_images=[Image.fromarray(255 - picture)])
    for cut in (1, 2, 3):
        yield Damaged(f"gif, without its last {cut} bytes", whole[:-cut], whole)
    yield Damaged("gif, cut in its second picture", moving[: len(moving) * 2 // 3], whole)
    yield Damaged("gif, rubbish after its end", whole + b"rubbish" * 100, whole)
    yield Damaged("gif, rubbish in place of its end", whole[:-1] + b"rubbish" * 100, whole)
    for size in (len(whole) - 20, len(whole) * 99 // 100, len(whole) // 2):
        yield Damaged(f"gif, {size} bytes", whole[:size], whole, ROWS)
    wider = whole[:6] + (picture.shape[1] + 9).to_bytes(2, "little") + whole[8:]
    yield Damaged("gif, its picture smaller than its screen", wider, _on_white(whole, 9))
    yield Damaged("gif, half of its header", whole[:8], whole, "cut off in its header")


def _bmps(picture: np.ndarray) -> Iterator[Damaged]:
    whole = encoded(picture, "BMP")
    palette = encoded(Image.fromarray(picture).quantize(100), "BMP")
    for colours in (257, 1000, 2**31, 2**32 - 1):
        yield Damaged(f"bmp, {colours} colours", palette[:46] + struct.pack("<I", colours) + palette[50:], palette)
    padding = -3 * picture.shape[1] % 4
    for at, size in ((2, 0), (2, len(whole) + 99), (2, 60), (34, 0), (34, len(whole) + 99), (34, 60)):
        yield Damaged(f"bmp, {size} at {at}", whole[:at] + struct.pack("<I", size) + whole[at + 4 :], whole)
    for cut in range(1, padding + 1):
        yield Damaged(f"bmp, without its last {cut} bytes", whole[:-cut], whole)
    yield Damaged("bmp, rubbish after its end", whole + b"rubbish" * 100, whole)
    for size in (len(whole) - padding - 1, len(whole) * 99 // 100, len(whole) // 2, 54):
        yield Damaged(f"bmp, {size} bytes", whole[:size], whole, CUT)
    yield Damaged("bmp, half of its header", whole[:20], whole, "cut off in its header")
