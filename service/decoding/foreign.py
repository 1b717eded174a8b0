"""The format of any file that people send, by its first bytes; most of these aren't read."""

from __future__ import annotations

from service.decoding import isobmff
from service.decoding.formats import head_of

STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",  # an empty one
    b"\x1f\x8b": "gzip",
    b"version https://git-lfs": "Git LFS pointer",
}
TEXTS = {b"<svg": "SVG", b"<!doctype html": "HTML", b"<html": "HTML"}
HEAD = 1024  # bytes in which a text's first element stands


def format_of(data: bytes) -> str | None:
    """Return the name of a file's format, read here or not; None where it is not known."""
    return head_of(data).format or foreign_format(data)


def foreign_format(data: bytes) -> str | None:
    """Return the name of a file's format; None where it is none of these."""
    if (format := isobmff.format_of(data)) is not None:
        return format
    for start, name in STARTS.items():
        if data.startswith(start):
            return name
    text = data[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not text.startswith(b"<"):
        return None
    return next((name for element, name in TEXTS.items() if element in text), None)
