"""A reader of zip files that sees nothing but the stream, as Java's ZipInputStream does."""

from __future__ import annotations

import struct
import zlib

SIZES_FOLLOW = 0x8  # flag of an entry whose sizes come after its data
DEFLATED = 8


def entries(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip file by their names, without a look at its directory."""
    found = {}
    while data.startswith(b"PK\3\4"):
        flags, method, crc, size, name_length, more = struct.unpack("<6xHH4xII4xHH", data[:30])
        name, data = data[30 : 30 + name_length].decode(), data[30 + name_length + more :]
        if flags & SIZES_FOLLOW:
            assert method == DEFLATED, "the end of an entry that isn't deflated can't be known"
            inflating = zlib.decompressobj(-zlib.MAX_WBITS)
            content = inflating.decompress(data) + inflating.flush()
            mark, crc, _, whole = struct.unpack("<4sIII", inflating.unused_data[:16])
            assert (mark, whole) == (b"PK\7\10", len(content))
            data = inflating.unused_data[16:]
        else:
            packed, data = data[:size], data[size:]
            content = zlib.decompress(packed, -zlib.MAX_WBITS) if method == DEFLATED else packed
        assert zlib.crc32(content) == crc and name not in found
        found[name] = content
    return found
