"""Forms (multipart/form-data): a part with a media type is a file, with or without a file name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

PART = "request"  # name of the part with the JSON
PIECE = 64 * 1024  # bytes that are read at a time

Form = tuple[IO[bytes], MultiDict[str, Any], MultiDict[str, Any]]


class FormParser(FormDataParser):
    """A parser of forms that takes a part with a media type for a file; Werkzeug's wants a file name.

    Werkzeug's limits hold: `max_form_memory_size` for each text, and `max_form_parts`.
    """

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Form:
        """Return the stream, the texts and the files. Raises RequestEntityTooLarge past a limit."""
        boundary = (options or {}).get("boundary", "")
        if mimetype != "multipart/form-data" or not boundary or not boundary.isascii():
            return super().parse(stream, mimetype, content_length, options)
        texts: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        try:
            events = _events(self._decoder(boundary), stream)
            for event in events:
                if isinstance(event, File) or (isinstance(event, Field) and _is_file(event)):
                    files.append((event.name, self._file(event, events, content_length)))
                elif isinstance(event, Field):
                    texts.append((event.name, self._text(events)))
        except ValueError:  # it is no form: as from Werkzeug's parser, it has no parts
            return stream, self.cls(), self.cls()
        return stream, self.cls(texts), self.cls(files)

    def _decoder(self, boundary: str) -> MultipartDecoder:
        return MultipartDecoder(boundary.encode(), self.max_form_memory_size, max_parts=self.max_form_parts)

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
        return b"".join(pieces).decode("utf-8", "replace")


def _is_file(part: Field) -> bool:
    return part.name != PART and bool(part.headers.get("Content-Type"))


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    """Yield what the form consists of, up to its end. Raises ValueError if it has none."""
    while True:
        data = stream.read(PIECE)
        decoder.receive_data(data or None)
        while not isinstance(event := decoder.next_event(), NeedData):
            if isinstance(event, Epilogue):
                return
            yield event


def _content(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the pieces of one part."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
