"""Whole files of every format and kind that the service reads, to be damaged."""

from __future__ import annotations

import numpy as np
from picture_damage import SIDE_CHUNKS, with_chunk
from picture_files import encoded, png_of_samples, ycck_jpeg
from picture_profiles import wide_profile
from PIL import Image

HEIGHT, WIDTH = 48, 64  # small, so that thousands of files are read in some seconds


def originals() -> list[bytes]:
    """Return small files of every format and kind."""
    smooth = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8))
    picture = smooth.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    rgba = picture.copy()
    rgba.putalpha(Image.linear_gradient("L").resize(picture.size))
    common = [*_jpegs(picture), *_pngs(picture, rgba), *_webps(picture, rgba), *_gifs(picture), *_bmps(picture)]
    return [*common, *_of_phones(picture, rgba), *_tiffs(picture, rgba)]


def _jpegs(picture: Image.Image) -> list[bytes]:
    exif = Image.Exif()
    exif[0x112] = 6
    exif[0x10E] = "text"
    cmyk = np.asarray(picture.convert("CMYK"))
    return [
        encoded(picture, "JPEG", icc_profile=wide_profile(), exif=exif),
        encoded(picture, "JPEG", progressive=True),
        encoded(picture, "JPEG", restart_marker_rows=1, subsampling=0),
        encoded(picture.convert("L"), "JPEG"),
        encoded(picture.convert("CMYK"), "JPEG"),
        ycck_jpeg(cmyk),
    ]


def _pngs(picture: Image.Image, rgba: Image.Image) -> list[bytes]:
    exif = Image.Exif()
    exif[0x112] = 8
    grey = np.asarray(picture.convert("L"))[..., None]
    deep = np.asarray(rgba).astype(np.uint16) * 257
    whole = encoded(picture, "PNG")
    with_all = whole
    for kind, content in SIDE_CHUNKS.items():
        with_all = with_chunk(with_all, kind, content)
    return [
        whole,
        with_all,
        encoded(picture, "PNG", icc_profile=wide_profile(), exif=exif),
        encoded(rgba, "PNG"),
        encoded(rgba.convert("LA"), "PNG"),
        encoded(picture.convert("1"), "PNG"),
        encoded(picture.quantize(16), "PNG", transparency=3),
        encoded(rgba, "PNG", save_all=True, append_images=[rgba.rotate(9), rgba.rotate(18)]),
        png_of_samples(grey // 64, 2),
        png_of_samples(deep[..., :1], 16),
        png_of_samples(deep, 16),
    ]


def _webps(picture: Image.Image, rgba: Image.Image) -> list[bytes]:
    frames = [rgba.rotate(9), rgba.rotate(18)]
    return [
        encoded(picture, "WEBP"),
        encoded(picture, "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0", icc_profile=wide_profile(), xmp=b"<x/>"),
        encoded(rgba, "WEBP", lossless=True),
        encoded(rgba, "WEBP", save_all=True, append_images=frames),
        encoded(rgba, "WEBP", save_all=True, append_images=frames, lossless=True, minimize_size=True),
    ]


def _gifs(picture: Image.Image) -> list[bytes]:
    palette = picture.quantize(16)
    frames = [palette.rotate(9), palette.rotate(18)]
    return [
        encoded(picture, "GIF"),
        encoded(palette, "GIF", interlace=0, transparency=3),
        encoded(palette, "GIF", save_all=True, append_images=frames, disposal=2, comment=b"text"),
    ]


def _bmps(picture: Image.Image) -> list[bytes]:
    alpha = picture.convert("RGBA")
    return [encoded(one, "BMP") for one in (picture, alpha, picture.quantize(16), picture.convert("1"))]


def _of_phones(picture: Image.Image, rgba: Image.Image) -> list[bytes]:
    exif = Image.Exif()
    exif[0x112] = 6
    return [
        encoded(picture, "AVIF", exif=exif, icc_profile=wide_profile()),
        encoded(rgba, "AVIF", subsampling="4:4:4"),
        encoded(rgba, "AVIF", save_all=True, append_images=[rgba.rotate(9)]),
        encoded(picture, "HEIC", exif=exif.tobytes()),
        encoded(rgba, "HEIC", quality=-1),
    ]


def _tiffs(picture: Image.Image, rgba: Image.Image) -> list[bytes]:
    exif = Image.Exif()
    exif[0x112] = 6
    packed = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    return [
        encoded(picture, "TIFF", exif=exif),
        encoded(rgba, "TIFF", big_tiff=True),
        encoded(picture.convert("CMYK"), "TIFF"),
        encoded(picture.convert("1"), "TIFF", compression="group4"),
        encoded(picture, "TIFF", save_all=True, append_images=[picture.rotate(9)]),
        *(encoded(picture, "TIFF", compression=name) for name in packed),
    ]
