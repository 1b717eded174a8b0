"""Formats that people send and that aren't read, known by the first bytes of a file."""

from __future__ import annotations

from service.decoding import isobmff

STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
}
TEXTS = {b"<svg": "SVG", b"<!doctype html": "HTML", b"<html": "HTML"}
HEAD = 1024  # bytes in which a text's first element stands


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
