"""HEIC files as phones write them: one picture in many tiles, each coded by itself.

pillow-heif only writes pictures in one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

WHOLE = 1  # the item that is put together from the others


def tiled(tile: bytes, side: int, columns: int, rows: int) -> bytes:
    """Return a HEIC file whose tiles are all alike.

    `tile` is a HEIC file of `side` x `side` pixels, without transparency and not turned.
    """
    coded = _content(tile, b"mdat")
    properties = _content(_content(tile, b"meta")[4:], b"iprp")
    decoder = _box(b"hvcC", _content(_content(properties, b"ipco"), b"hvcC"))
    size = (columns * side, rows * side)
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)
    tiles = range(WHOLE + 1, WHOLE + 1 + columns * rows)

    def meta(at: int) -> bytes:
        """The description of all items, whose data begin at `at`."""
        places = [(WHOLE, at, len(grid)), *((i, at + len(grid), len(coded)) for i in tiles)]
        located = [struct.pack(">HHHII", item, 0, 1, start, length) for item, start, length in places]
        kinds = [_kind(WHOLE, b"grid"), *(_kind(i, b"hvc1") for i in tiles)]
        parts = _box(b"dimg", struct.pack(f">HH{len(tiles)}H", WHOLE, len(tiles), *tiles))
        which = [struct.pack(">HBB", WHOLE, 1, 3), *(struct.pack(">HBBB", i, 2, 0x80 | 1, 2) for i in tiles)]
        described = _box(b"ipco", decoder, _size(side, side), _size(*size))
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4), b"pict", bytes(13)),
            _full(b"pitm", struct.pack(">H", WHOLE)),
            _full(b"iloc", struct.pack(">BBH", 0x44, 0, len(places)), *located),
            _full(b"iinf", struct.pack(">H", len(kinds)), *kinds),
            _full(b"iref", parts),
            _box(b"iprp", described, _full(b"ipma", struct.pack(">I", len(which)), *which)),
        )

    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", grid, coded)


def _kind(item: int, kind: bytes) -> bytes:
    return _full(b"infe", struct.pack(">HH4s", item, 0, kind), b"\0", version=2)


def _size(width: int, height: int) -> bytes:
    return _full(b"ispe", struct.pack(">II", width, height))


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _content(data: bytes, kind: bytes) -> bytes:
    """Return the content of the first box of a kind, without a look into other boxes."""
    return next(content for found, content in _boxes(data) if found == kind)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while data:
        length, kind = struct.unpack_from(">I4s", data)
        yield kind, data[8:length]
        data = data[length:]
