"""PNG: side chunks that browsers skip, an end that is missing, and pixels that are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from service.decoding.mending.version import Version, Versions
from service.pictures.formats import PNG_SIGNATURE

SIDE = 0x20  # the bit in a kind's first letter that says: the picture can be shown without this chunk
HEADER = 13  # bytes of IHDR's content
SUM = 4  # bytes of a checksum
PIECE = 2**20  # bytes that are unpacked at a time
PACKED = b"\x78\x9c"  # how zlib's format begins
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples of a pixel
INDEXED = 3  # the colour type whose pixels are numbers of colours in PLTE
PALETTE = range(3, 3 * 256 + 1)  # bytes of a palette
TRANSPARENCY: dict[int, Collection[int]] = {0: (2,), 2: (6,), INDEXED: range(1, 257)}  # colour type -> bytes of tRNS
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column, and steps down and right, of the passes of an interlaced PNG (Adam7)."""
LOOKS = (b"PLTE", b"tRNS", b"iCCP", b"eXIf")  # chunks beside the pixels that say how these look
NEEDED = (b"PLTE", b"tRNS")


@dataclass(frozen=True)
class Chunk:
    """A chunk of a PNG: its kind, all of its bytes, and the number of bytes that its content should have."""

    kind: bytes
    raw: memoryview
    length: int

    @property
    def content(self) -> memoryview:
        return self.raw[8 : 8 + self.length]

    @property
    def is_whole(self) -> bool:
        return len(self.raw) == 8 + self.length + SUM

    @property
    def is_right(self) -> bool:
        """Whether it is whole and its checksum is that of its bytes."""
        return self.is_whole and zlib.crc32(self.raw[4:-SUM]) == int.from_bytes(self.raw[-SUM:])

    @property
    def is_side(self) -> bool:
        return bool(self.kind[0] & SIDE)


@dataclass(frozen=True)
class Pixels:
    """The pixels of a PNG, unpacked.

    Attributes:
        found, expected: bytes that they have, and should have.
        packed: what they were unpacked from, in zlib's format with a right checksum.
        is_damaged: whether their own checksum, and that of a chunk that holds them, is wrong.
        is_broken: whether they can't be unpacked to the end.
    """

    found: int
    expected: int
    packed: bytes
    is_damaged: bool
    is_broken: bool

    @property
    def is_whole(self) -> bool:
        return self.found >= self.expected > 0 and not self.is_damaged

    @property
    def share(self) -> str:
        return f"{min(99, 100 * self.found // max(1, self.expected))} %"


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to IEND, or to the end of the file."""
    view, at = memoryview(data), len(PNG_SIGNATURE)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
        yield Chunk(kind, view[at : at + 8 + length + SUM], length)
        if kind == b"IEND":
            return
        at += 8 + length + SUM


def versions(data: bytes) -> Versions:
    """Yield the file without damaged side chunks; then, if its pixels are there, with little but these.

    Nothing is to be read of a file whose colours aren't there.
    """
    if palette_trouble(data):
        return
    yield Version(_without_damage(data))
    pixels = unpacked(data)
    if pixels.is_whole:
        yield Version(_bare(data, pixels, LOOKS))
        yield Version(_bare(data, pixels, NEEDED))


def why_broken(data: bytes) -> str | None:
    """Return what is wrong with a file that can't be read; None where it isn't known."""
    for chunk in chunks(data):
        if not chunk.is_side and chunk.kind not in (b"IDAT", b"IEND") and chunk.is_whole and not chunk.is_right:
            return f"the checksum of its chunk {chunk.kind.decode('latin-1')} is wrong"
    pixels = unpacked(data)
    if pixels.is_broken:
        return f"its pixels can't be unpacked after {pixels.share} of them"
    if pixels.found < pixels.expected:
        return f"it is cut off: {pixels.share} of its pixels are there"
    if pixels.is_damaged:
        return "the checksum of its pixels is wrong"
    return palette_trouble(data) if pixels.expected else "it is cut off in its header"


def palette_trouble(data: bytes) -> str | None:
    """Return what is wrong with the palette of a file that needs one, else None."""
    if _header(data)[3:4] != (INDEXED,):
        return None
    palettes = [chunk for chunk in chunks(data) if chunk.kind == b"PLTE"]
    for palette in palettes:
        if not palette.is_right:
            return "the checksum of its chunk PLTE is wrong"
        if palette.length not in PALETTE:
            return f"its palette has {palette.length} bytes, which are not 1 to 256 colours"
    return None if palettes else "it has no palette"


def unpacked(data: bytes) -> Pixels:
    """Unpack the pixels piece by piece, without keeping them."""
    parts = [chunk for chunk in chunks(data) if chunk.kind == b"IDAT"]
    packed, expected = b"".join(part.content for part in parts), _expected(data)
    found, sum, is_broken = 0, 1, False
    stream, left = zlib.decompressobj(-zlib.MAX_WBITS), packed[len(PACKED) :]
    while left and found <= expected and not stream.eof:
        try:
            piece = stream.decompress(left, PIECE)
        except zlib.error:
            is_broken = True
            break
        found, sum, left = found + len(piece), zlib.adler32(piece, sum), stream.unconsumed_tail
    own = stream.unused_data[:SUM]
    is_damaged = len(own) == SUM and int.from_bytes(own) != sum and not all(part.is_right for part in parts)
    ended = packed[len(PACKED) : len(packed) - len(stream.unused_data)]
    return Pixels(found, expected, PACKED + ended + sum.to_bytes(SUM), is_damaged, is_broken)


def _expected(data: bytes) -> int:
    """Return the bytes of all rows, each with its filter; 0 without a header."""
    header = _header(data)
    if not header:
        return 0
    width, height, depth, colour, _, _, interlace = header
    bits = depth * SAMPLES.get(colour, 0)
    size = 0
    for top, left, down, right in PASSES if interlace else ((0, 0, 1, 1),):
        rows, columns = -(-(height - top) // down), -(-(width - left) // right)
        size += rows * (1 + -(-columns * bits // 8)) if rows > 0 and columns > 0 else 0
    return size


def _header(data: bytes) -> tuple[int, ...]:
    """Return the numbers of IHDR; none where it is missing or cut off."""
    header = next((bytes(chunk.content) for chunk in chunks(data) if chunk.kind == b"IHDR"), b"")
    return struct.unpack(">IIBBBBB", header) if len(header) == HEADER else ()


def _usable(data: bytes) -> list[Chunk]:
    """Return the chunks without damaged side chunks, and without transparency that its colours don't allow."""
    header = _header(data)
    lengths = TRANSPARENCY.get(header[3], ()) if header else ()

    def is_usable(chunk: Chunk) -> bool:
        return chunk.is_right and (chunk.kind != b"tRNS" or chunk.length in lengths)

    return [chunk for chunk in chunks(data) if not chunk.is_side or is_usable(chunk)]


def _without_damage(data: bytes) -> bytes:
    """Return the file without damaged side chunks and with an end; a file without damage as it is."""
    found = list(chunks(data))
    kept = [chunk for chunk in _usable(data) if chunk.kind != b"IEND"]
    if len(kept) == len(found) - 1 and found[-1].kind == b"IEND":
        return data
    return PNG_SIGNATURE + b"".join(map(_with_sum, kept)) + _written(b"IEND", b"")


def _with_sum(chunk: Chunk) -> bytes | memoryview:
    """Return a chunk's bytes; pixels that are cut off get the checksum of what is there."""
    return _written(chunk.kind, chunk.content) if chunk.kind == b"IDAT" and not chunk.is_whole else chunk.raw


def _bare(data: bytes, pixels: Pixels, kept: tuple[bytes, ...]) -> bytes:
    """Return a file with its header, chunks of the kinds `kept`, and its pixels."""
    beside = [chunk.raw for chunk in _usable(data) if chunk.kind in (b"IHDR", *kept) and chunk.is_right]
    return PNG_SIGNATURE + b"".join(beside) + _written(b"IDAT", pixels.packed) + _written(b"IEND", b"")


def _written(kind: bytes, content: bytes | memoryview) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
