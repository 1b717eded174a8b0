"""WebP: a first picture that is whole, in a file whose end or size is wrong; and one smaller than its canvas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from service.decoding.mending.version import Version, Versions

RIFF = 8  # bytes before those that a RIFF file's size counts
FIRST = 12  # where the first chunk begins
HEADER = 8  # bytes of a chunk before its content: kind and length
MOST = 10_000  # chunks that are looked at: more than animations have
FEATURES, EXIF, FRAME = b"VP8X", b"EXIF", b"ANMF"
PICTURES = (b"VP8 ", b"VP8L", FRAME)  # a still picture, or the first of an animation
BEFORE = (FEATURES, b"ICCP", b"ANIM", b"ALPH")  # what says how that picture looks
HAS_ALPHA, HAS_EXIF, HAS_XMP = 0x10, 0x08, 0x04  # bits of FEATURES
FLAGS = FIRST + HEADER  # where these bits stand: FEATURES comes first
CANVAS, FRAME_SIZE = slice(4, 10), slice(6, 12)  # width and height less 1, in the contents of FEATURES and of FRAME


@dataclass(frozen=True)
class Chunk:
    """A chunk: its kind, its content as far as it is there, and how many bytes that should have."""

    kind: bytes
    content: bytes
    length: int

    @property
    def is_whole(self) -> bool:
        return len(self.content) == self.length


def versions(data: bytes) -> Versions:
    """Yield the file; then its first picture alone, with what says how that looks.

    What the first picture of an animation doesn't cover is transparent, as in browsers: Pillow makes it black unless
    the file says that it has alpha.
    """
    if _is_partly_covered(data):
        data = data[:FLAGS] + bytes((data[FLAGS] | HAS_ALPHA,)) + data[FLAGS + 1 :]
    yield Version(data)
    kept = _needed(data)
    if kept and (mended := _joined(kept)) != data:
        yield Version(mended)


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a WebP that can't be read; None where it isn't known."""
    said, there = _said(data), len(data)
    if said > there:
        return f"it is cut off: {min(99, 100 * there // said)} % of it is there ({there:,} of {said:,} bytes)"
    return None if _needed(data) else "it ends before the end of its picture"


def _is_partly_covered(data: bytes) -> bool:
    """Return whether the file is an animation whose first picture is smaller than its canvas."""
    chunks = islice(_chunks(data), MOST)
    features = next(chunks, None)
    if features is None or features.kind != FEATURES:
        return False
    frame = next((chunk for chunk in chunks if chunk.kind == FRAME), None)
    return frame is not None and frame.content[FRAME_SIZE] != features.content[CANVAS]


def _said(data: bytes) -> int:
    """Return the bytes that the file should have, by its header."""
    return RIFF + int.from_bytes(data[4:8], "little")


def _needed(data: bytes) -> list[Chunk]:
    """Return the first picture and the chunks that it needs, EXIF too; none if that picture isn't whole."""
    kept: list[Chunk] = []
    picture = None
    for chunk in islice(_chunks(data), MOST):
        if not chunk.is_whole:
            break
        if picture is None and chunk.kind in (*BEFORE, *PICTURES):
            kept.append(chunk)
            picture = chunk if chunk.kind in PICTURES else None
        elif picture is not None and chunk.kind == EXIF:
            return [*kept, chunk]
    return kept if picture else []


def _chunks(data: bytes) -> Iterator[Chunk]:
    at = FIRST
    while at + HEADER <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + HEADER], "little")
        at += HEADER
        yield Chunk(kind, data[at : at + length], length)
        at += length + length % 2


def _joined(chunks: list[Chunk]) -> bytes:
    """Return a file of these chunks, whose features name no metadata that isn't there."""
    has_exif = chunks[-1].kind == EXIF
    written = b"".join(_written(chunk.kind, _features(chunk, has_exif=has_exif)) for chunk in chunks)
    return b"RIFF" + (len(written) + FIRST - RIFF).to_bytes(4, "little") + b"WEBP" + written


def _features(chunk: Chunk, *, has_exif: bool) -> bytes:
    if chunk.kind != FEATURES or not chunk.content:
        return chunk.content
    bits = chunk.content[0] & ~(HAS_EXIF | HAS_XMP) | (HAS_EXIF if has_exif else 0)
    return bytes((bits,)) + chunk.content[1:]


def _written(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)
