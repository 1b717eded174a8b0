"""Request bodies as their bytes arrive: with a declared length, or in chunks."""

from __future__ import annotations

from collections.abc import Generator
from http import HTTPStatus
from io import BytesIO, RawIOBase
from typing import Any

from gunicorn.http.body import CHUNK_EXT_RE
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkExtension, InvalidChunkSize, LimitRequestHeaders

from service.errors import Unavailable
from service.web.refusals import Refusal

READ_AT_ONCE = 2**20  # bytes; every read releases the interpreter lock, and waits to get it back
CHUNKED_READ = 2**16  # bytes, which may hold thousands of chunks
LONGEST_SIZE_LINE = 1024  # bytes of a line that begins a chunk, extensions included
LONGEST_TRAILERS = 8192  # bytes
HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
FREE_CHUNKS = 10_000  # chunks of a body that may be as small as they like
LEAST_MEAN_CHUNK = 256  # bytes, of the chunks beyond those


class NoBody(RawIOBase):
    """The body of a request that the application doesn't admit, so that it was not read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        """Raise Unavailable: the application takes the request after all, as its key was made just now, say."""
        raise Unavailable(
            "the body was left, because the request was refused before it came: send it again", retry_after=1.0
        )


class SizedBody:
    """A body whose length is known from the start; `length` is how many bytes of it are in `data`."""

    def __init__(self, whole: int) -> None:
        self.data = BytesIO()
        self.length = 0
        self._whole = whole

    @property
    def wanted(self) -> int:
        """Return how many bytes to read next at most; never more than the body has."""
        return min(self._whole - self.length, READ_AT_ONCE)

    def take(self, data: memoryview) -> bytes | None:
        """Add bytes; return those after the body once it is whole, else None."""
        missing = self._whole - self.length
        self.length += self.data.write(data[:missing])
        return None if len(data) < missing else bytes(data[missing:])


class ChunkedBody:
    """A body in chunks, decoded as it arrives.

    `length` is how many bytes of it are in `data`. If it has more than `limit`, it is `too_large`, and no more of it
    is decoded.
    """

    wanted = CHUNKED_READ

    def __init__(self, request: Any, limit: int) -> None:
        self.data = BytesIO()
        self.length = 0
        self.too_large = False
        self._request = request
        self._limit = limit
        self._chunks = 0
        self._buffer = bytearray()
        self._decoder = self._decode()

    def take(self, data: memoryview) -> bytes | None:
        """Add bytes; return those after the body once it is whole or too large, else None.

        Raises:
            ParseException: the chunks are broken.
            Refusal: they are too many for what is in them.
        """
        self._buffer += data
        try:
            next(self._decoder)
        except StopIteration:
            return bytes(self._buffer)
        return None

    def _decode(self) -> Generator[None]:
        """Decode what is in the buffer; yield wherever more bytes are needed."""
        while size := _chunk_size((yield from self._line(LONGEST_SIZE_LINE))):
            if self.length + size > self._limit:
                self.too_large = True
                return
            self._count_chunk()
            yield from self._copy(size)
            while len(self._buffer) < len(b"\r\n"):
                yield
            if not self._buffer.startswith(b"\r\n"):
                raise ChunkMissingTerminator(bytes(self._buffer[:2]))
            del self._buffer[:2]
        yield from self._skip_trailers()

    def _copy(self, size: int) -> Generator[None]:
        while size:
            copied = self.data.write(self._buffer[:size])
            del self._buffer[:copied]
            self.length += copied
            size -= copied
            if size:
                yield

    def _line(self, longest: int) -> Generator[None, None, bytes]:
        searched = 0
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            if len(self._buffer) > longest:
                break
            searched = max(0, len(self._buffer) - 1)
            yield
        if not 0 <= end <= longest:
            raise InvalidChunkSize(b"line over %d bytes" % longest)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _skip_trailers(self) -> Generator[None]:
        """Read the fields after the last chunk; they are checked and not kept."""
        lines: list[bytes] = []
        left = LONGEST_TRAILERS
        while line := (yield from self._line(LONGEST_TRAILERS)):
            lines.append(line)
            left -= len(line) + 2
            if left < 0:
                raise LimitRequestHeaders(f"the trailers have more than {LONGEST_TRAILERS} bytes")
        if lines:
            self._request.parse_headers(b"\r\n".join(lines), from_trailer=True)

    def _count_chunk(self) -> None:
        self._chunks += 1
        if self._chunks > FREE_CHUNKS + self.length // LEAST_MEAN_CHUNK:
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body comes in too many small chunks")


def _chunk_size(line: bytes) -> int:
    """Return the bytes of the chunk that this line begins (RFC 9112, 7.1)."""
    digits, semicolon, extension = line.partition(b";")
    if semicolon:
        digits = digits.rstrip(b" \t")
    if not digits or not HEX_DIGITS.issuperset(digits):
        raise InvalidChunkSize(digits)
    if semicolon and not CHUNK_EXT_RE.fullmatch(semicolon + extension):
        raise InvalidChunkExtension("it is malformed")
    return int(digits, 16)
