"""Formats that people send and that aren't read, known by the first bytes of a file."""

from __future__ import annotations

BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}  # of ISO base media files; mif1 says little, so AVIF goes first
STARTS = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
}
TEXTS = {b"<svg": "SVG", b"<!doctype html": "HTML", b"<html": "HTML"}
HEAD = 1024  # bytes in which a text's first element stands
BRANDED = 64  # bytes in which a file names its brands


def foreign_format(data: bytes) -> str | None:
    """Return the name of a file's format; None where it is none of these."""
    if data[4:8] == b"ftyp":
        brands = {data[at : at + 4] for at in range(8, BRANDED, 4)}
        return next((name for name, known in BRANDS.items() if brands.intersection(known)), None)
    for start, name in STARTS.items():
        if data.startswith(start):
            return name
    text = data[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    return next((name for element, name in TEXTS.items() if element in text), None)
