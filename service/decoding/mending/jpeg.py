"""JPEG: an end that is missing, segments that browsers skip, and rows that aren't there."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from service.decoding.formats import JPEG_FRAMES
from service.decoding.mending.version import Version, Versions

START, SOS, EOI = b"\xff\xd8", 0xDA, 0xD9
SOI = 0xD8
END = b"\xff\xd9"
APP, COM, EXIF, PROFILE, ADOBE = range(0xE0, 0xF0), 0xFE, 0xE1, 0xE2, 0xEE
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
PRECISION, BITS = 4, 8  # where a frame's segment says how many bits a level has, and how many are read
BANDS = 64  # coefficients of a block
LEAST = {EXIF: 16, PROFILE: 18, ADOBE: 14}  # bytes of a segment's content, with its length, that can be understood
MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
"""A marker that begins a segment: not a stuffed byte 255, not a fill byte, not TEM or RST0 to RST7."""


RESTART = re.compile(rb"\xff[\xd0-\xd7]")
"""A restart marker, RST0 to RST7: they stand between the pixels, and come in this order again and again."""
NOISE = hashlib.shake_128(b"pixels").digest(9 * 256).replace(b"\xff", b"\x7f")
"""Bytes that pixels could come from."""


@dataclass(frozen=True)
class Segment:
    """A segment: its marker's second byte, where the marker stands, and where the segment ends."""

    marker: int
    at: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments up to the end of the first picture, EOI or the start of another picture included."""
    at = len(START)
    while found := MARKER.search(data, at):
        marker, begin = data[found.start() + 1], found.end()
        if marker in (EOI, SOI):
            yield Segment(marker, found.start(), begin)
            return
        at = begin + max(2, int.from_bytes(data[begin : begin + 2]))
        yield Segment(marker, found.start(), at)


def versions(data: bytes) -> Versions:
    """Yield the file, with an end if it has none; then without segments that aren't needed."""
    found = list(segments(data))
    if found and found[-1].marker == EOI:
        yield Version(data)
        yield Version(_bare(data, found, tuple(LEAST)))
        yield Version(_bare(data, found, (ADOBE,)))
        return
    if not found or missing_passes(data, found):
        return
    stop = found[-1].at if found[-1].marker == SOI else len(data)
    body = data[:stop].rstrip(b"\xff")  # half of the end's marker
    filling = _filling(body, found)
    yield Version(body + END, body + filling + END)
    bare = _bare(body, found, (ADOBE,))
    yield Version(bare + END, bare + filling + END)


def _filling(body: bytes, found: list[Segment]) -> bytes:
    """Return noise with all restart markers, first the one that is due after a body without an end.

    A decoder that waits for a marker takes the two after it for later ones, and fills the rows up to them with grey,
    as it does at the file's end. So any other order could hide rows that are missing.
    """
    last_scan = max((segment.end for segment in found if segment.marker == SOS), default=0)
    passed = deque(RESTART.finditer(body, last_scan), maxlen=1)
    due = (passed[0][0][1] + 1) % 8 if passed else 0
    pieces = [NOISE[k : k + 256] for k in range(0, len(NOISE), 256)]
    markers = [bytes((0xFF, 0xD0 + (due + k) % 8)) for k in range(8)]
    return pieces[0] + b"".join(marker + piece for marker, piece in zip(markers, pieces[1:], strict=True))


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known."""
    found = list(segments(data))
    if not any(segment.marker == SOS for segment in found):
        return "it is cut off before its pixels"
    frames = (segment.at + PRECISION for segment in found if segment.marker in JPEG_FRAMES)
    if (bits := next((data[at] for at in frames if at < len(data)), BITS)) != BITS:
        return f"its levels have {bits} bits; only {BITS} are read"
    if found[-1].marker != EOI and (missing := missing_passes(data, found)):
        return missing
    return None


def missing_passes(data: bytes, found: list[Segment]) -> str | None:
    """Return how much is there of a file that ends before all of its passes (scans) have begun, else None."""
    frame = next((segment for segment in found if segment.marker in JPEG_FRAMES), None)
    if frame is None:
        return "it is cut off before its pixels"
    complete = {part: [False] * BANDS for part in data[frame.at + 10 : frame.end : 3]}
    scans = [data[segment.at + 4 : segment.end] for segment in found if segment.marker == SOS]
    for scan in scans:
        _note_complete(scan, complete)
    if all(all(bands) for bands in complete.values()):
        return None
    return f"it is cut off: {len(scans)} of its passes over the picture are there, and the last ones are missing"


def _note_complete(scan: bytes, complete: dict[int, list[bool]]) -> None:
    """Note which coefficients have all of their bits after this scan.

    `complete` says so by the id of the component (brightness, colours), for each coefficient of its blocks.
    """
    count = scan[0] if scan else 0
    bands = scan[2 * count + 1 : 2 * count + 4]  # the first, the last, and how many bits are missing before and after
    if len(bands) == 3 and bands[2] & 15 == 0:  # noqa: PLR2004
        first, last = bands[0], min(bands[1], BANDS - 1)
        for part in scan[1 : 2 * count + 1 : 2]:
            if part in complete:
                complete[part][first : last + 1] = [True] * (last + 1 - first)


def is_progressive(data: bytes) -> bool:
    """Return whether each pass of a JPEG goes over the whole picture."""
    return data.startswith(START) and any(segment.marker in PROGRESSIVE for segment in segments(data))


def _bare(data: bytes, found: list[Segment], kept: tuple[int, ...]) -> bytes:
    """Return the file without comments, and with segments of programs only if `kept` and long enough."""
    pieces, at = [], 0
    for segment in found:
        is_short = segment.end - segment.at - 2 < LEAST.get(segment.marker, 2)
        if segment.marker == COM or (segment.marker in APP and (segment.marker not in kept or is_short)):
            pieces.append(data[at : segment.at])
            at = segment.end
    return b"".join(pieces) + data[at:]
