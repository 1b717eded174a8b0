"""Forms (multipart/form-data): a part with a media type is a file, with or without a file name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from werkzeug.datastructures import FileStorage, Headers, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

from service.errors import MalformedBody, shown

PART = "request"  # name of the part with the JSON
PIECE = 64 * 1024  # bytes that are read at a time
MAX_HEAD = 8192  # bytes of a part's headers; each of thousands of lines would become an object

Form = tuple[IO[bytes], MultiDict[str, Any], MultiDict[str, Any]]


class FormParser(FormDataParser):
    """A parser of forms that takes a part with a media type for a file; Werkzeug's wants a file name.

    Werkzeug's limits hold: `max_form_memory_size` for each text, and `max_form_parts`.
    """

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Form:
        """Return the stream, the texts and the files.

        Raises:
            RequestEntityTooLarge: past a limit.
            MalformedBody: the form lacks a boundary, or a part what it must have.
        """
        if mimetype != "multipart/form-data":
            return super().parse(stream, mimetype, content_length, options)
        boundary = (options or {}).get("boundary", "")
        if not boundary or not boundary.isascii():
            raise MalformedBody("the form's Content-Type has no boundary, or one that isn't ASCII")
        texts: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        events = _events(self._decoder(boundary), stream)
        for event in events:
            if isinstance(event, File) or (isinstance(event, Field) and _is_file(event)):
                files.append((event.name, self._file(event, events, content_length)))
            elif isinstance(event, Field):
                texts.append((event.name, self._text(events)))
        return stream, self.cls(texts), self.cls(files)

    def _decoder(self, boundary: str) -> MultipartDecoder:
        return _Decoder(boundary.encode(), self.max_form_memory_size, max_parts=self.max_form_parts)

    def _file(self, part: File | Field, events: Iterator[Event], length: int | None) -> FileStorage:
        name = part.filename if isinstance(part, File) else ""
        content = self.stream_factory(length, part.headers.get("Content-Type"), name)
        for data in _content(events):
            content.write(data)
        content.seek(0)
        return FileStorage(content, name, part.name, headers=part.headers)

    def _text(self, events: Iterator[Event]) -> str:
        pieces, size = [], 0
        for data in _content(events):
            size += len(data)
            if self.max_form_memory_size is not None and size > self.max_form_memory_size:
                raise RequestEntityTooLarge
            pieces.append(data)
        return b"".join(pieces).decode("utf-8", "surrogateescape")


class _Decoder(MultipartDecoder):
    """A decoder that also takes names in the code page of a Western Windows; Werkzeug's takes UTF-8 alone."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        if len(data) > MAX_HEAD:
            raise MalformedBody(f"the headers of a part of the form are longer than {MAX_HEAD:,} bytes")
        headers = super()._parse_headers(_in_utf8(data))
        if "Content-Disposition" not in headers:
            raise MalformedBody("a part of the form has no Content-Disposition, which says its name")
        return headers


def _in_utf8(head: bytes | bytearray) -> bytes | bytearray:
    try:
        head.decode()
    except UnicodeDecodeError:
        return head.decode("cp1252", "replace").encode()
    return head


def _is_file(part: Field) -> bool:
    return part.name != PART and bool(part.headers.get("Content-Type"))


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    """Yield what the form consists of, up to its end. Raises MalformedBody if it has none."""
    while True:
        data = stream.read(PIECE)
        if not data and decoder.state != State.EPILOGUE:
            raise MalformedBody(_cut(decoder))
        decoder.receive_data(data or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Epilogue):
                return
            yield event


def _cut(decoder: MultipartDecoder) -> str:
    """Return what is wrong with a form that ends too early."""
    boundary = decoder.boundary.decode()
    if decoder.state == State.PREAMBLE:
        return f"the form has no line {shown('--' + boundary)}, the boundary of its Content-Type"
    if decoder.state == State.PART:
        return "the form ends within the headers of a part"
    return f"the form ends within a part: its last line must be {shown(f'--{boundary}--')}"


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the pieces of one part."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
