"""Files of every format that chance has damaged: bits, numbers, chunks, sizes, frames, and parts of other files."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from random import Random

from picture_files import png_chunk

PNG, JPEG, GIF, BMP, RIFF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"GIF8", b"BM", b"RIFF"
LARGEST = 2**21  # bytes of a damaged file at most
BYTES = (0, 1, 127, 128, 254, 255)
NUMBERS = (0, 1, 2, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
SIDES = (0, 1, 7, 8, 64, 4096, 8000, 8001, 16383, 16384, 30_000, 65_535, 2**31 - 1)
REPEATS = (2, 3, 20, 150, 3000)
HEAD = 64  # bytes in which most formats say what follows

Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]


def mutated(chance: Random, whole: Sequence[bytes]) -> bytes:
    """Return one of the whole files with one or more mutations, one file of ten also cut off."""
    data = chance.choice(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        data = chance.choice(MUTATIONS)(chance, data, whole)[:LARGEST]
    return data if chance.random() < 0.9 else data[: chance.randrange(len(data) + 1)]


# Bytes


def _bits(chance: Random, data: bytes, _whole: Sequence[bytes]) -> bytes:
    """Turn single bits over."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 8, 64)) if data else 0):
        changed[_place(chance, data)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _number(chance: Random, data: bytes, _whole: Sequence[bytes]) -> bytes:
    """Write a number that is often forgotten, of one, two or four bytes."""
    width = chance.choice((1, 2, 4))
    value = chance.choice(BYTES) if width == 1 else chance.choice(NUMBERS) % 256**width
    at = _place(chance, data)
    return data[:at] + value.to_bytes(width, chance.choice(("big", "little"))) + data[at + width :]


def _removed(chance: Random, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at = _place(chance, data)
    return data[:at] + data[at + _length(chance) :]


def _repeated(chance: Random, data: bytes, _whole: Sequence[bytes]) -> bytes:
    at, length = _place(chance, data), _length(chance)
    return data[:at] + data[at : at + length] * chance.choice((2, 3, 50)) + data[at + length :]


def _spliced(chance: Random, data: bytes, whole: Sequence[bytes]) -> bytes:
    """Put a part of another file in the place of one's own."""
    other, at, length = chance.choice(whole), _place(chance, data), _length(chance)
    start = _place(chance, other)
    return data[:at] + other[start : start + length] + data[at + length :]


def _headed(chance: Random, data: bytes, whole: Sequence[bytes]) -> bytes:
    """Put the beginning of one file before the rest of another."""
    other = chance.choice(whole)
    return other[: _place(chance, other)] + data[_place(chance, data) :]


def _place(chance: Random, data: bytes) -> int:
    """Return a position: in the first bytes as often as anywhere."""
    return chance.randrange(max(1, min(len(data), chance.choice((HEAD, 600, LARGEST)))))


def _length(chance: Random) -> int:
    return chance.choice((1, 2, 4, 64, 1000))


# Parts: a PNG's and a WebP's chunks, a JPEG's segments and scans, a GIF's blocks


def _rearranged(chance: Random, data: bytes, whole: Sequence[bytes]) -> bytes:
    """Remove, move, repeat or change a part, or take one from another file; sizes and checksums mostly fit again."""
    parts = list(_parts(data))
    if len(parts) == 1:
        return data
    at = chance.randrange(1, len(parts))
    part = parts.pop(at)
    kind = chance.randrange(5)
    if kind == 0:
        parts.insert(chance.randrange(1, len(parts) + 1), part)
    elif kind == 1:
        parts[at:at] = [part] * min(chance.choice(REPEATS), LARGEST // max(1, len(part)))
    elif kind == 2:
        parts[at:at] = [part, chance.choice(list(_parts(chance.choice(whole)))[1:] or [b""])]
    elif kind == 3:
        parts.insert(at, _fitting(data, chance.choice(BYTEWISE)(chance, part, whole)))
    return _joined(parts) if chance.random() < 0.9 else b"".join(parts)


def _parts(data: bytes) -> Iterator[bytes]:
    """Return what stands before the first part, then the parts; what can't be divided is one part."""
    for start, length_of in ((PNG, _png_length), (JPEG, _jpeg_length), (GIF, _gif_length), (RIFF, _riff_length)):
        if data.startswith(start):
            at = {PNG: 8, JPEG: 2, GIF: 13 + _palette(data[10:11]), RIFF: 12}[start]
            yield data[:at]
            while at < len(data):
                length = length_of(data, at)
                yield data[at : at + length]
                at += length
            return
    yield data[:54]
    yield data[54:]


def _png_length(data: bytes, at: int) -> int:
    return 12 + int.from_bytes(data[at : at + 4])


def _riff_length(data: bytes, at: int) -> int:
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    return 8 + length + length % 2


def _jpeg_length(data: bytes, at: int) -> int:
    """Return the length of a segment; a scan's pixels belong to it."""
    length = 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
    if data[at + 1 : at + 2] == b"\xda":
        found = re.search(rb"\xff[^\x00\xd0-\xd7\xff]", data[at + length :])
        return length + found.start() if found else len(data)
    return length


def _gif_length(data: bytes, at: int) -> int:
    start = at
    if data[at : at + 1] == b",":
        at += 11 + _palette(data[at + 9 : at + 10])
    elif data[at : at + 1] == b"!":
        at += 2
    else:
        return len(data)
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1 - start


def _palette(flags: bytes) -> int:
    """Return the bytes of a GIF's palette."""
    return 3 * 2 ** (1 + flags[0] % 8) if flags and flags[0] & 128 else 0


def _fitting(data: bytes, part: bytes) -> bytes:
    """Give a changed PNG chunk the length and checksum of its content."""
    return png_chunk(part[4:8], part[8:-4]) if data.startswith(PNG) else part


def _joined(parts: Sequence[bytes]) -> bytes:
    data = b"".join(parts)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:] if data.startswith(RIFF) else data


# Pixels and sizes


def _packed_pixels(chance: Random, data: bytes, whole: Sequence[bytes]) -> bytes:
    """Change a PNG's rows, and pack them again: a decoder gets past all checksums."""
    parts = list(_parts(data))
    pixels = b"".join(part[8:-4] for part in parts if part[4:8] == b"IDAT")
    if not data.startswith(PNG) or not pixels:
        return _bits(chance, data, whole)
    try:
        rows = zlib.decompressobj().decompress(pixels, LARGEST)
    except zlib.error:
        return data
    packed = png_chunk(b"IDAT", zlib.compress(chance.choice(BYTEWISE)(chance, rows, whole)))
    first = next(at for at, part in enumerate(parts) if part[4:8] == b"IDAT")
    return b"".join([*parts[:first], packed, *(part for part in parts[first:] if part[4:8] != b"IDAT")])


def _resized(chance: Random, data: bytes, _whole: Sequence[bytes]) -> bytes:
    """Let the header speak of another size, up to the largest that the format knows."""
    width, height = (chance.choice((*SIDES, chance.randrange(1, 20_000))) for _ in range(2))
    if data.startswith(PNG):
        return data[:8] + png_chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29]) + data[33:]
    if data.startswith(JPEG):
        frame = re.search(rb"\xff[\xc0-\xc2]...", data, re.DOTALL)
        return _written(data, frame.end(), struct.pack(">HH", height % 2**16, width % 2**16)) if frame else data
    if data.startswith(RIFF):
        return _resized_webp(data, width, height)
    if data.startswith(BMP):
        return _written(data, 18, struct.pack("<ii", width, chance.choice((height, -height))))
    return _written(data, 6, struct.pack("<HH", width % 2**16, height % 2**16))


def _resized_webp(data: bytes, width: int, height: int) -> bytes:
    if data[12:16] == b"VP8X":
        return _written(data, 24, width.to_bytes(4, "little")[:3] + height.to_bytes(4, "little")[:3])
    if data[12:16] == b"VP8L":
        return _written(data, 21, struct.pack("<I", (width % 2**14) | (height % 2**14) << 14))
    return _written(data, 26, struct.pack("<HH", width % 2**14, height % 2**14))


def _written(data: bytes, at: int, other: bytes) -> bytes:
    return data[:at] + other + data[at + len(other) :]


BYTEWISE: tuple[Mutation, ...] = (_bits, _number, _removed, _repeated, _spliced)
MUTATIONS: tuple[Mutation, ...] = (
    *BYTEWISE,
    _headed,
    _rearranged,
    _rearranged,
    _rearranged,
    _packed_pixels,
    _resized,
)
